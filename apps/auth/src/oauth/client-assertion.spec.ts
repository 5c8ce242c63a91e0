import { createHmac, randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { algorithmNames } from '#jws';
import { createTestKey, segment, signCompact, type TestKey } from '#testing';
import { parseAssertion, verifyAssertion, type AssertionExpectation } from './client-assertion.js';

type Json = Record<string, unknown>;

const issuer = 'https://issuer.test';
const now = 1_800_000_000;
const key = createTestKey();
const stranger = createTestKey();

const payload = (claims: Json = {}): Json => {
  const usual = { iss: 'orders', sub: 'orders', aud: issuer, iat: now, exp: now + 60, jti: randomUUID() };
  return { ...usual, ...claims };
};
function assertion(claims: Json = {}, header: Json = {}, signWith: TestKey = key): string {
  const usual = { alg: signWith.alg, typ: 'client-authentication+jwt', kid: signWith.kid };
  return signCompact({ ...usual, ...header }, payload(claims), signWith);
}

function verify(text: string, expected: Partial<AssertionExpectation> = {}) {
  const keys = [key.publicJwk];
  return verifyAssertion(parseAssertion(text), { issuer, keys, now, clockSkewSeconds: 5, ...expected });
}
const refusal = (text: string, expected?: Partial<AssertionExpectation>): unknown => {
  try {
    return verify(text, expected);
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

describe('a client assertion is accepted', () => {
  it.each<[string, Json, Json]>([
    ['with the type of the draft', {}, {}],
    ['with the type JWT', {}, { typ: 'JWT' }],
    ['without a type', {}, { typ: undefined }],
    ['without a kid', {}, { kid: undefined }],
    ['with the issuer as the only one of a list', { aud: [issuer] }, {}],
    ['without iat', { iat: undefined }, {}],
    ['with nbf', { nbf: now }, {}],
    ['of a clock that is 5 s fast', { iat: now + 5, nbf: now + 5, exp: now + 65 }, {}],
    ['of a clock that is 5 s slow', { iat: now - 64, exp: now - 4 }, {}],
    ['with more claims', { 'https://example.com/x': 1 }, {}],
  ])('%s', (_what, claims, header) => {
    const text = assertion(claims, header);
    const { jti, exp } = JSON.parse(Buffer.from(text.split('.')[1]!, 'base64url').toString()) as Json;
    expect(verify(text)).toEqual({ jti, exp });
  });

  it.each(algorithmNames)('by a key for %s', (alg) => {
    const other = createTestKey(alg);
    expect(refusal(assertion({}, {}, other), { keys: [other.publicJwk] })).toMatchObject({ exp: now + 60 });
  });

  it('without a kid, by any of several keys', () => {
    const keys = [createTestKey('ES384').publicJwk, stranger.publicJwk, key.publicJwk];
    expect(refusal(assertion({}, { kid: undefined }), { keys })).toMatchObject({ exp: now + 60 });
  });
});

describe('a client assertion is refused', () => {
  it.each<[string, string, string]>([
    ['another kind of JWT', assertion({}, { typ: 'at+jwt' }), 'wrong_typ'],
    ['a statement', assertion({}, { typ: 'jwk-set+jwt' }), 'wrong_typ'],
    ['the type as a media type with its prefix', assertion({}, { typ: 'application/jwt' }), 'wrong_typ'],
    ...['crit', 'b64', 'zip', 'jwk', 'jku', 'x5u', 'x5c', 'cty', 'unknown'].map(
      (name): [string, string, string] => [
        `a header with ${name}`,
        assertion({}, { [name]: name === 'jwk' ? key.publicJwk : ['x'] }),
        'unsupported_header',
      ],
    ),
    ['a key of somebody else', assertion({}, {}, stranger), 'unknown_key'],
    ['a key of somebody else under our kid', assertion({}, { kid: key.kid }, stranger), 'bad_signature'],
    ['a key of somebody else without a kid', assertion({}, { kid: undefined }, stranger), 'bad_signature'],
    ['a kid that is not text', assertion({}, { kid: 7 }), 'unknown_key'],
    ['another algorithm in the header', assertion({}, { alg: 'ES384' }), 'alg_mismatch'],
    ['no signature', unsigned({ alg: 'none', kid: key.kid }), 'alg_mismatch'],
    ['no signature under our algorithm', unsigned({ alg: 'ES256', kid: key.kid }), 'bad_signature'],
    ['an HMAC with the public key', hmac(), 'alg_mismatch'],
    ['text that is no JWT', 'x', 'malformed'],
    ['a member twice', twice(), 'malformed'],
    ['5 KB', assertion({ x: 'x'.repeat(5_000) }), 'too_large'],
    ['no iss', assertion({ iss: undefined }), 'unknown_client'],
    ['an iss that no client can have', assertion({ iss: 'a\u0000b' }), 'unknown_client'],
    ['no sub', assertion({ sub: undefined }), 'wrong_issuer'],
    ['another sub', assertion({ sub: 'inventory' }), 'wrong_issuer'],
    ['no aud', assertion({ aud: undefined }), 'wrong_audience'],
    ['the URL of the token endpoint', assertion({ aud: `${issuer}/oauth/token` }), 'wrong_audience'],
    ['the issuer with a slash', assertion({ aud: `${issuer}/` }), 'wrong_audience'],
    ['another server', assertion({ aud: 'https://other.test' }), 'wrong_audience'],
    ['two audiences', assertion({ aud: [issuer, `${issuer}/oauth/token`] }), 'wrong_audience'],
    ['no audience in a list', assertion({ aud: [] }), 'wrong_audience'],
    ['a list in a list', assertion({ aud: [[issuer]] }), 'wrong_audience'],
    ['no exp', assertion({ exp: undefined }), 'invalid_claim'],
    ['an exp that is text', assertion({ exp: String(now + 60) }), 'invalid_claim'],
    ['an iat that is text', assertion({ iat: String(now) }), 'invalid_claim'],
    ['an nbf that is no time', assertion({ nbf: null }), 'invalid_claim'],
    ['an end 5 s ago', assertion({ iat: now - 30, exp: now - 5 }), 'expired'],
    ['a begin in 6 s, by iat', assertion({ iat: now + 6 }), 'not_yet_valid'],
    ['a begin in 6 s, by nbf', assertion({ nbf: now + 6 }), 'not_yet_valid'],
    ['a life of 61 s', assertion({ iat: now - 1, exp: now + 60 }), 'lifetime_too_long'],
    ['a far end without iat', assertion({ iat: undefined, exp: now + 66 }), 'lifetime_too_long'],
    ['no jti', assertion({ jti: undefined }), 'invalid_claim'],
    ['an empty jti', assertion({ jti: '' }), 'invalid_claim'],
    ['a jti with a NUL', assertion({ jti: 'a\u0000' }), 'invalid_claim'],
    ['a long jti', assertion({ jti: 'x'.repeat(256) }), 'invalid_claim'],
  ])('with %s', (_what, text, code) => {
    expect(refusal(text)).toBe(code);
  });

  it('if the client has no key', () => {
    expect(refusal(assertion(), { keys: [] })).toBe('unknown_key');
    expect(refusal(assertion({}, { kid: undefined }), { keys: [] })).toBe('unknown_key');
  });
});

function unsigned(header: Json): string {
  return `${segment(header)}.${segment(payload())}.`;
}

function hmac(): string {
  const input = `${segment({ alg: 'HS256', kid: key.kid })}.${segment(payload())}`;
  return `${input}.${createHmac('sha256', key.publicPem).update(input).digest('base64url')}`;
}

function twice(): string {
  const text = JSON.stringify(payload()).replace('{', '{"sub":"inventory",');
  return signCompact({ alg: 'ES256', kid: key.kid }, text, key);
}
