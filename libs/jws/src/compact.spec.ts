import { describe, expect, test } from '@jest/globals';
import { createTestKey, segment, signCompact } from '#testing';
import { parseCompact, readPayload, verifySignature } from './compact.js';
import { JwsError, type JwsErrorCode } from './jws-error.js';
import { admitPublicJwk } from './public-jwk.js';

const key = createTestKey();
const admitted = admitPublicJwk(key.publicJwk);
const LIMITS = { maxBytes: 1_000, types: ['at+jwt'] };
const HEADER = { alg: 'ES256', typ: 'at+jwt', kid: key.kid };
const good = signCompact(HEADER, { sub: 'me' }, key);
const [head, body, tail] = good.split('.') as [string, string, string];

const read = (token: string, limits: Parameters<typeof parseCompact>[1] = LIMITS) => {
  const jws = parseCompact(token, limits);
  verifySignature(jws, admitted);
  return readPayload(jws);
};

test('a good token passes', () => expect(read(good)).toEqual({ sub: 'me' }));

describe('refuses', () => {
  test.each<[string, string, JwsErrorCode, string]>([
    ['two segments', `${head}.${body}`, 'malformed', 'not three segments'],
    ['four segments', `${good}.`, 'malformed', 'not three segments'],
    ['five segments, as a JWE has', `${good}.a.b`, 'malformed', 'not three segments'],
    ['nothing', '', 'malformed', 'not three segments'],
    ['an empty header', `.${body}.${tail}`, 'malformed', 'header is not JSON in UTF-8'],
    ['an empty payload', `${head}..${tail}`, 'bad_signature', 'the signature is wrong'],
    ['an empty signature', `${head}.${body}.`, 'bad_signature', 'the signature is wrong'],
    ['padding in the header', `${head}=.${body}.${tail}`, 'malformed', 'header is not canonical base64url'],
    ['padding in the payload', `${head}.${body}=.${tail}`, 'malformed', 'payload is not canonical base64url'],
    [
      'padding in the signature',
      `${head}.${body}.${tail}==`,
      'malformed',
      'signature is not canonical base64url',
    ],
    [
      'a payload that looks the same to latin1',
      lowByteTwin(),
      'malformed',
      'payload is not canonical base64url',
    ],
    ['a space in front', ` ${good}`, 'malformed', 'header is not canonical base64url'],
    ['a line feed behind', `${good}\n`, 'malformed', 'signature is not canonical base64url'],
    [
      'another last character of the signature',
      otherSpelling(),
      'malformed',
      'signature is not canonical base64url',
    ],
    [
      'the payload of another token',
      `${head}.${segment({ sub: 'you' })}.${tail}`,
      'bad_signature',
      'the signature is wrong',
    ],
    ['a list as the header', signCompact([], {}, key), 'malformed', 'header is not a JSON object'],
    [
      'a header name twice',
      signCompact('{"alg":"none","alg":"ES256","typ":"at+jwt"}', {}, key),
      'malformed',
      'header has a member name twice',
    ],
    [
      'a payload name twice',
      signCompact(HEADER, '{"sub":"me","sub":"you"}', key),
      'malformed',
      'payload has a member name twice',
    ],
    [
      'a payload that is no object',
      signCompact(HEADER, '[]', key),
      'malformed',
      'payload is not a JSON object',
    ],
    [
      'typ as a list',
      signCompact({ ...HEADER, typ: ['at+jwt'] }, {}, key),
      'malformed',
      'typ is not a string',
    ],
    [
      'no typ',
      signCompact({ ...HEADER, typ: undefined }, {}, key),
      'wrong_typ',
      'typ is not the expected type',
    ],
    ['typ JWT', signCompact({ ...HEADER, typ: 'JWT' }, {}, key), 'wrong_typ', 'typ is not the expected type'],
    [
      'typ with a space',
      signCompact({ ...HEADER, typ: 'at+jwt ' }, {}, key),
      'wrong_typ',
      'typ is not the expected type',
    ],
    [
      'crit',
      signCompact({ ...HEADER, crit: ['exp'] }, {}, key),
      'unsupported_header',
      'header crit is not accepted',
    ],
    [
      'an empty crit',
      signCompact({ ...HEADER, crit: [] }, {}, key),
      'unsupported_header',
      'header crit is not accepted',
    ],
    [
      'b64: true',
      signCompact({ ...HEADER, b64: true }, {}, key),
      'unsupported_header',
      'header b64 is not accepted',
    ],
    [
      'zip',
      signCompact({ ...HEADER, zip: 'DEF' }, {}, key),
      'unsupported_header',
      'header zip is not accepted',
    ],
    [
      'zip: null',
      signCompact({ ...HEADER, zip: null }, {}, key),
      'unsupported_header',
      'header zip is not accepted',
    ],
    [
      'alg none',
      `${segment({ ...HEADER, alg: 'none' })}.${body}.`,
      'alg_mismatch',
      'alg is not the algorithm of the key',
    ],
    [
      'alg HS256',
      signCompact({ ...HEADER, alg: 'HS256' }, {}, key),
      'alg_mismatch',
      'alg is not the algorithm of the key',
    ],
    [
      'alg in lower case',
      signCompact({ ...HEADER, alg: 'es256' }, {}, key),
      'alg_mismatch',
      'alg is not the algorithm of the key',
    ],
    [
      'no alg',
      signCompact({ ...HEADER, alg: undefined }, {}, key),
      'alg_mismatch',
      'alg is not the algorithm of the key',
    ],
    ['another key', signCompact(HEADER, {}, createTestKey()), 'bad_signature', 'the signature is wrong'],
  ])('%s', (_what, token, code, message) => {
    expect(() => read(token)).toThrow(JwsError);
    expect(() => read(token)).toThrow(new JwsError(code, message));
    expect(() => read(token)).toThrow(coded(code));
  });
});

test('the limit is inclusive', () => {
  expect(() => read(good, { ...LIMITS, maxBytes: good.length })).not.toThrow();
  expect(() => read(good, { ...LIMITS, maxBytes: good.length - 1 })).toThrow(
    new JwsError('too_large', `longer than ${good.length - 1} bytes`),
  );
});

test('typ is compared without regard to case (RFC 7515 §4.1.9)', () => {
  expect(() => read(signCompact({ ...HEADER, typ: 'AT+JWT' }, {}, key))).not.toThrow();
});

test('no typ passes only where its absence is listed', () => {
  const token = signCompact({ ...HEADER, typ: undefined }, {}, key);
  expect(() => read(token, { ...LIMITS, types: ['at+jwt', undefined] })).not.toThrow();
});

test('a key in the header is not looked at', () => {
  const thief = createTestKey();
  const header = {
    ...HEADER,
    jwk: thief.publicJwk,
    jku: 'https://evil.test',
    x5u: 'https://evil.test',
    x5c: ['AA'],
  };
  expect(() => read(signCompact(header, {}, thief))).toThrow(coded('bad_signature'));
  expect(() => read(signCompact(header, {}, key))).not.toThrow();
});

const coded = (code: JwsErrorCode) => expect.objectContaining({ code });

/** Puts a character above U+00FF into the payload. Its low byte is the byte that was signed. */
function lowByteTwin(): string {
  const twin = String.fromCharCode(body.charCodeAt(0) + 0x100);
  return `${head}.${twin}${body.slice(1)}.${tail}`;
}

/**
 * Changes the last character of a signature. In 64 bytes, two bits of this character mean nothing, so the next
 * character decodes to the same bytes.
 */
function otherSpelling(): string {
  const next = String.fromCharCode(tail.charCodeAt(tail.length - 1) + 1);
  expect(Buffer.from(tail.slice(0, -1) + next, 'base64url')).toEqual(Buffer.from(tail, 'base64url'));
  return `${head}.${body}.${tail.slice(0, -1)}${next}`;
}
