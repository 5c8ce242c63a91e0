import { describe, expect, test } from '@jest/globals';
import { createTestIssuer, createTestKey, fakeClock, published, segment, signCompact } from '#testing';
import { readAnchor } from './anchor.js';
import { MAX_STATEMENT_BYTES, verifyKeySetStatement } from './key-set-statement.js';
import { StatementError, type StatementErrorCode } from './statement-error.js';

const clock = fakeClock();
const now = clock.now() / 1000;
const issuer = createTestIssuer({ clock: clock.now });
const anchors = issuer.anchors.map(readAnchor);
const { key, anchor } = issuer;
const verify = (jws: string, options: Partial<Parameters<typeof verifyKeySetStatement>[1]> = {}) =>
  verifyKeySetStatement(jws, { issuer: issuer.issuer, anchors, now, ...options });

test('a good statement: what it says, its keys ready to use, the pin that signed it', () => {
  const jws = issuer.statement({
    epoch: 7,
    keys: [published(key), published(issuer.standby, { status: 'retiring', verify_until: now + 9 })],
    revoked: [{ kid: 'gone', revoked_at: now - 1, reason: 'compromised' }],
  });
  const statement = verify(jws);
  expect(statement).toMatchObject({
    ...{ iss: issuer.issuer, sub: issuer.issuer, iat: now, exp: now + 900, epoch: 7, pinIndex: 0, jws },
    revoked: [{ kid: 'gone', revoked_at: now - 1, reason: 'compromised' }],
    keys: [
      { kid: key.kid, alg: 'ES256', status: 'active', verifyUntil: undefined },
      { kid: issuer.standby.kid, status: 'retiring', verifyUntil: now + 9 },
    ],
  });
  expect(statement.keys[0]!.key.equals(key.publicKey)).toBe(true);
});

test('a good statement without a key, as after all were revoked together', () => {
  const revoked = [{ kid: key.kid, revoked_at: now, reason: 'compromised' }];
  expect(verify(issuer.statement({ keys: [], revoked }))).toMatchObject({ keys: [], revoked });
});

describe('a key that an earlier statement has', () => {
  const { keys: held } = verify(issuer.statement());

  test('is the same object if it is repeated unchanged', () => {
    const { keys } = verify(issuer.statement(), { held });
    expect(keys).toHaveLength(2);
    expect(keys[0]).toBe(held[0]);
    expect(keys[1]).toBe(held[1]);
  });

  test.each([
    ['status', published(key, { status: 'prepared' }), { status: 'prepared' }],
    ['end', published(key, { verify_until: now + 9 }), { verifyUntil: now + 9 }],
  ])('is another object if its %s changed', (_what, member, expected) => {
    const [changed] = verify(issuer.statement({ keys: [member] }), { held }).keys;
    expect(changed).not.toBe(held[0]);
    expect(changed).toMatchObject({ kid: key.kid, ...expected });
  });

  test('is judged again if another member changed', () => {
    const judged = (member: object) => verify(issuer.statement({ keys: [member] }), { held });
    const foreign = { ...issuer.standby.publicJwk, kid: key.kid, status: 'active' };
    expect(() => judged(foreign)).toThrow('a kid is not the thumbprint of its key');
    expect(() => judged(published(key, { use: 'enc' }))).toThrow('use is not sig');
    expect(() => judged(published(key, { d: 'x' }))).toThrow('has a private or symmetric member');
  });
});

describe('refuses', () => {
  const stranger = createTestKey();
  const good = issuer.statement();
  const [head, body, tail] = good.split('.') as [string, string, string];
  const signed = issuer.statement.bind(issuer);
  const many = Array.from({ length: 65 }, (_, index) => published(key, { kid: `k${index}` }));

  test.each<[string, string, StatementErrorCode, string | RegExp]>([
    ['one that is too large', 'x'.repeat(MAX_STATEMENT_BYTES + 1), 'too_large', 'longer than 262144 bytes'],
    ['two segments', `${head}.${body}`, 'malformed', 'not three segments'],
    ['padding', `${good}=`, 'malformed', 'signature is not canonical base64url'],
    ['b64', signed({}, { header: { b64: true } }), 'malformed', 'header b64 is not accepted'],
    ['crit', signed({}, { header: { crit: ['exp'] } }), 'malformed', 'header crit is not accepted'],
    [
      'the typ of an access token',
      signed({}, { header: { typ: 'at+jwt' } }),
      'wrong_typ',
      'typ is not the expected type',
    ],
    [
      'the typ of an event',
      signed({}, { header: { typ: 'secevent+jwt' } }),
      'wrong_typ',
      'typ is not the expected type',
    ],
    ['no typ', signed({}, { header: { typ: undefined } }), 'wrong_typ', 'typ is not the expected type'],
    [
      'a stranger',
      signed({}, { signWith: stranger }),
      'unknown_anchor',
      'kid names none of the pinned anchors',
    ],
    [
      'a signing key of the issuer',
      signed({}, { signWith: key }),
      'unknown_anchor',
      'kid names none of the pinned anchors',
    ],
    [
      'no kid',
      signed({}, { header: { kid: undefined } }),
      'unknown_anchor',
      'kid names none of the pinned anchors',
    ],
    [
      "a stranger under the anchor's kid",
      signed({}, { signWith: stranger, header: { kid: anchor.kid } }),
      'bad_signature',
      'the signature is wrong',
    ],
    [
      'another payload',
      `${head}.${segment({ epoch: 9 })}.${tail}`,
      'bad_signature',
      'the signature is wrong',
    ],
    [
      'alg none',
      `${segment({ alg: 'none', typ: 'jwk-set+jwt', kid: anchor.kid })}.${body}.`,
      'bad_signature',
      'alg is not the algorithm of the key',
    ],
    [
      'another issuer',
      signed({ iss: 'https://other.test' }),
      'wrong_issuer',
      'iss is not the configured issuer',
    ],
    [
      'the issuer with a slash',
      signed({ iss: `${issuer.issuer}/` }),
      'wrong_issuer',
      'iss is not the configured issuer',
    ],
    ['exp that is now', signed({ exp: now }), 'expired', 'exp has passed'],
    ['no exp', signed({ exp: undefined }), 'invalid_payload', /exp/],
    ['exp as text', signed({ exp: String(now + 900) }), 'invalid_payload', /exp/],
    ['no iat', signed({ iat: undefined }), 'invalid_payload', /iat/],
    ['no epoch', signed({ epoch: undefined }), 'invalid_payload', /epoch/],
    ['epoch 0', signed({ epoch: 0 }), 'invalid_payload', /epoch/],
    ['half an epoch', signed({ epoch: 1.5 }), 'invalid_payload', /epoch/],
    ['an epoch beyond what is exact', signed({ epoch: 2 ** 53 }), 'invalid_payload', /epoch/],
    ['no revocations', signed({ revocations: undefined }), 'invalid_payload', /revocations/],
    ['revoked that is no list', signed({ revoked: {} }), 'invalid_payload', /revoked/],
    [
      'a reason in free text',
      signed({ revoked: [{ kid: 'gone', revoked_at: now, reason: 'left in a taxi' }] }),
      'invalid_payload',
      /reason/,
    ],
    ['65 keys', signed({ keys: many }), 'invalid_payload', /keys/],
    ['a key without status', signed({ keys: [key.publicJwk] }), 'invalid_payload', /status/],
    ['a revoked key', signed({ keys: [published(key, { status: 'revoked' })] }), 'invalid_payload', /status/],
    [
      'a key of another kid',
      signed({ keys: [published(key, { kid: 'mine' })] }),
      'invalid_payload',
      'a kid is not the thumbprint of its key',
    ],
    [
      'a key twice',
      signed({ keys: [published(key), published(key)] }),
      'invalid_payload',
      'a kid occurs twice',
    ],
    [
      'a private key',
      signed({ keys: [published(key, { d: 'AQ' })] }),
      'invalid_payload',
      'the key has a private or symmetric member',
    ],
    [
      'a symmetric key',
      signed({ keys: [{ kty: 'oct', k: 'AQ', alg: 'HS256', kid: 'k', status: 'active' }] }),
      'invalid_payload',
      'the key has a private or symmetric member',
    ],
    [
      'a key for encryption among good ones',
      signed({ keys: [published(key), published(issuer.standby, { use: 'enc' })] }),
      'invalid_payload',
      'the key use is not sig',
    ],
    [
      'a verify_until as text',
      signed({ keys: [published(key, { verify_until: 'never' } as never)] }),
      'invalid_payload',
      /verify_until/,
    ],
  ])('%s', (_what, jws, code, message) => {
    const error = refusal(() => verify(jws));
    expect(error.code).toBe(code);
    if (typeof message === 'string') expect(error.message).toBe(message);
    else expect(error.message).toMatch(message);
  });

  test('a payload name twice, though the anchor signed it', () => {
    const text = Buffer.from(body, 'base64url').toString().replace('{', '{"epoch":99,');
    const jws = signCompact({ alg: 'ES256', typ: 'jwk-set+jwt', kid: anchor.kid }, text, anchor);
    expect(refusal(() => verify(jws))).toMatchObject({
      code: 'malformed',
      message: 'payload has a member name twice',
    });
  });
});

test('one second before exp is still ahead', () => {
  expect(() => verify(issuer.statement({ exp: now + 1 }))).not.toThrow();
});

test('a full statement of 64 RSA keys is within the size limit', () => {
  const rsa = published(createTestKey('RS256'), { status: 'retiring', verify_until: now });
  expect(issuer.statement({ keys: Array.from({ length: 64 }, () => rsa) }).length).toBeLessThan(
    MAX_STATEMENT_BYTES,
  );
});

test('pinIndex is the position of the anchor that signed', () => {
  const next = createTestKey();
  const both = [...anchors, readAnchor(next.publicPem)];
  expect(verify(issuer.statement({}, { signWith: next }), { anchors: both }).pinIndex).toBe(1);
  expect(verify(issuer.statement(), { anchors: both }).pinIndex).toBe(0);
});

describe('readAnchor', () => {
  const pem = (type: 'spki' | 'pkcs8') =>
    type === 'spki' ? anchor.publicPem : anchor.privateKey.export({ format: 'pem', type }).toString();

  test('its thumbprint is the kid', () => expect(readAnchor(pem('spki')).thumbprint).toBe(anchor.kid));

  test.each([
    ['a private key', pem('pkcs8')],
    ['a private key before a public one', pem('pkcs8') + pem('spki')],
    ['a private key behind a public one', pem('spki') + pem('pkcs8')],
    ['an RSA key', createTestKey('RS256').publicPem],
    ['a key on P-384', createTestKey('ES384').publicPem],
    ['a damaged file', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'],
    ['nothing', ''],
  ])('refuses %s', (_what, text) => {
    expect(() => readAnchor(text)).toThrow('a trust anchor must be a PEM "PUBLIC KEY" (SPKI) of a P-256 key');
  });
});

function refusal(step: () => unknown): StatementError {
  try {
    step();
  } catch (error) {
    if (error instanceof StatementError) return error;
    throw error;
  }
  throw new Error('not refused');
}
