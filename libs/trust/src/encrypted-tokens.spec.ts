/** Encrypted tokens from the request to the verdict. token-decryption.spec.ts has what is refused before that. */
import { describe, expect, test } from '@jest/globals';
import { readAnchor } from '#statements';
import {
  createTestIssuer,
  createTestKey,
  createTestRecipient,
  encryptCompact,
  fakeClock,
  published,
  segment,
} from '#testing';
import { Authenticator, type AuthenticatorOptions } from './authenticate.js';
import { KeyRing, type Channel } from './key-ring.js';
import { TrustError, type TrustErrorCode } from './trust-error.js';
import { createVerifyAccessToken, type Expectation, type VerifyOptions } from './verify-access-token.js';

const ORDERS: Expectation = { audience: 'orders' };
const recipient = createTestRecipient();

function setUp(
  options: Partial<VerifyOptions> = {},
  more: Partial<Pick<AuthenticatorOptions, 'furtherCheck' | 'refresh'>> = {},
) {
  const clock = fakeClock();
  const issuer = createTestIssuer({ clock: clock.now });
  const anchors = issuer.anchors.map(readAnchor);
  const ring = new KeyRing({ issuer: issuer.issuer, anchors, clock: clock.now });
  const state = (payload: Record<string, unknown> = {}, channel: Channel = 'nats') =>
    ring.accept(issuer.statement(payload), channel);
  state();
  const verify = createVerifyAccessToken({
    ring,
    clock: clock.now,
    decryptionKey: recipient.privateJwk,
    ...options,
  });
  const authenticator = new Authenticator({ verify, ring, refresh: () => Promise.resolve(true), ...more });
  const judge = (token: string, expected = ORDERS) =>
    authenticator.authenticate(carrying(token), expected).then(
      () => 'accepted',
      (error: unknown) => (error instanceof TrustError ? error.code : Promise.reject(error as Error)),
    );
  const encrypted = (...signing: Parameters<typeof issuer.token>) =>
    encryptCompact(issuer.token(...signing), recipient);
  return { clock, issuer, ring, state, verify, authenticator, judge, encrypted };
}
type Parts = ReturnType<typeof setUp>;

const carrying = (token: string) => ({ rawHeaders: ['Authorization', `Bearer ${token}`] });

describe('a service with a decryption key', () => {
  test('accepts a token that was encrypted for it, and reads its claims', async () => {
    const { authenticator, encrypted } = setUp();
    const claims = await authenticator.authenticate(carrying(encrypted({ sub: 'me' })), ORDERS);
    expect(claims).toMatchObject({ sub: 'me', aud: 'orders' });
  });

  test('takes its key as a key object too', async () => {
    const { judge, encrypted } = setUp({ decryptionKey: recipient.privateKey });
    expect(await judge(encrypted())).toBe('accepted');
  });

  const stranger = createTestKey();
  test.each<[string, TrustErrorCode, (parts: Parts) => string]>([
    ['a good token that is only signed', 'not_encrypted', ({ issuer }) => issuer.token()],
    ['junk', 'malformed', () => 'junk'],
    [
      'a token for another service, encrypted for this one',
      'wrong_audience',
      ({ encrypted }) => encrypted({ aud: 'inventory' }),
    ],
    [
      "a forger's claims: everybody has the public half",
      'bad_signature',
      ({ encrypted, issuer }) => encrypted({}, { signWith: stranger, header: { kid: issuer.key.kid } }),
    ],
    ['claims without a signature', 'malformed', ({ issuer }) => inside(JSON.stringify(issuer.claims()))],
    [
      'alg none',
      'alg_mismatch',
      ({ issuer }) =>
        inside(
          `${segment({ alg: 'none', typ: 'at+jwt', kid: issuer.key.kid })}.${segment(issuer.claims())}.`,
        ),
    ],
    ['nothing', 'malformed', () => inside('')],
    ['a token that is encrypted twice', 'malformed', ({ encrypted }) => inside(encrypted())],
    ['a statement', 'wrong_typ', ({ issuer }) => inside(issuer.statement())],
    ['a revocation', 'wrong_typ', ({ issuer }) => inside(issuer.revocation(1))],
    ['a token of typ JWT', 'wrong_typ', ({ encrypted }) => encrypted({}, { header: { typ: 'JWT' } })],
    ['crit', 'unsupported_header', ({ encrypted }) => encrypted({}, { header: { crit: ['exp'] } })],
    ['an unknown kid', 'unknown_kid', ({ encrypted }) => encrypted({}, { signWith: stranger })],
    ['another issuer', 'wrong_issuer', ({ encrypted }) => encrypted({ iss: 'https://other.test' })],
    ['an expired token', 'expired', ({ encrypted }) => encrypted({ iat: 0, exp: 300 })],
    ['a bound token', 'key_bound', ({ encrypted }) => encrypted({ cnf: { jkt: 'x' } })],
    ['a token with a byte that is no text', 'malformed', ({ issuer }) => inside(`${issuer.token()}ÿ`)],
  ])('%s is refused: %s', async (_what, code, tokenOf) => {
    const parts = setUp();
    const token = tokenOf(parts);
    expect(await parts.judge(token)).toBe(code);
    // The first result must not change the second one.
    expect(await parts.judge(token)).toBe(code);
    expect(parts.authenticator.counts()).toEqual({ [code]: 2 });
  });

  test('does not take a signed token from a caller that forgets to decrypt', () => {
    const { issuer, verify } = setUp();
    expect(() => verify(issuer.token(), ORDERS)).toThrow(
      new TrustError('not_encrypted', 'tokens for this service are encrypted'),
    );
    expect(verify.recall(issuer.token(), ORDERS)).toBeUndefined();
  });

  test('limits the size of what is sent', async () => {
    const { issuer, judge } = setUp({ maxTokenBytes: 1_024 });
    const signed = issuer.token();
    expect(signed.length).toBeLessThan(1_024);
    expect(await judge(encryptCompact(signed, recipient))).toBe('too_large');
  });

  test('answers trust_stale without a current key set, to whatever is sent', async () => {
    const { clock, encrypted, issuer, judge } = setUp();
    clock.advance(900_000);
    for (const token of [encrypted(), issuer.token(), 'junk']) expect(await judge(token)).toBe('trust_stale');
  });

  test('asks the issuer about a kid that it does not know', async () => {
    const fresh = createTestKey();
    const parts: Parts = setUp(
      {},
      {
        refresh: () => {
          parts.state({ keys: [published(fresh)] }, 'http');
          return Promise.resolve(true);
        },
      },
    );
    parts.state({}, 'http');
    expect(await parts.judge(parts.encrypted({}, { signWith: fresh }))).toBe('accepted');
  });

  test('makes the further check with the claims that were inside', async () => {
    const subjects: string[] = [];
    const { encrypted, judge } = setUp(
      { cacheSize: 0 },
      { furtherCheck: ({ sub }) => Promise.resolve(void subjects.push(sub)) },
    );
    expect(await judge(encrypted({ sub: 'me' }))).toBe('accepted');
    expect(subjects).toEqual(['me']);
  });

  test('counts an error of its own as internal', async () => {
    const { ring, verify } = setUp();
    const cause = new RangeError('a bug');
    const broken = Object.assign(verify, { decrypt: () => Promise.reject(cause) });
    const authenticator = new Authenticator({ verify: broken, ring, refresh: () => Promise.resolve(true) });
    await expect(authenticator.authenticate(carrying('x'), ORDERS)).rejects.toMatchObject({
      code: 'internal',
      cause,
    });
  });
});

describe('a token that was accepted', () => {
  async function accepted(options: Partial<VerifyOptions> = {}) {
    const parts = setUp(options);
    const token = parts.encrypted();
    expect(await parts.judge(token)).toBe('accepted');
    return { ...parts, token, recall: () => parts.authenticator.recall(carrying(token), ORDERS) };
  }

  test('is found at once by what was sent, and is not decrypted again', async () => {
    const { recall, token, verify } = await accepted();
    expect(recall()).toMatchObject({ aud: 'orders' });
    const [first, second] = [await verify.decrypt!(token), await verify.decrypt!(token)];
    expect(second).toBe(first);
    expect(verify(second, ORDERS)).toBe(recall());
  });

  test('is decrypted again where nothing is remembered', async () => {
    const { recall, token, verify } = await accepted({ cacheSize: 0 });
    expect(recall()).toBeUndefined();
    expect(await verify.decrypt!(token)).not.toBe(await verify.decrypt!(token));
  });

  test('is not found by the signed token that was in it, nor by another encryption of it', async () => {
    const { authenticator, judge, token, verify } = await accepted();
    const { signed } = await verify.decrypt!(token);
    expect(authenticator.recall(carrying(signed), ORDERS)).toBeUndefined();
    expect(await judge(signed)).toBe('not_encrypted');
    const again = encryptCompact(signed, recipient);
    expect(authenticator.recall(carrying(again), ORDERS)).toBeUndefined();
    expect(await judge(again)).toBe('accepted');
  });

  test.each<[string, TrustErrorCode, (parts: Parts) => unknown]>([
    ['it expires', 'expired', ({ clock }) => clock.advance(305_000)],
    ['its session is revoked', 'revoked', ({ issuer, ring }) => ring.revocations.add(issuer.revocation(1))],
    [
      'its key leaves the key set',
      'unknown_kid',
      ({ issuer, state }) => state({ keys: [published(issuer.standby)] }),
    ],
    ['the statement expires', 'trust_stale', ({ clock }) => clock.advance(900_000)],
  ])('is refused when %s: %s', async (_when, code, change) => {
    const parts = await accepted();
    change(parts);
    expect(parts.recall()).toBeUndefined();
    expect(await parts.judge(parts.token)).toBe(code);
  });

  test('is judged by the scopes of each route', async () => {
    const { judge, token } = await accepted();
    expect(await judge(token, { ...ORDERS, scopes: ['orders:write'] })).toBe('accepted');
    expect(await judge(token, { ...ORDERS, scopes: ['orders:refund'] })).toBe('insufficient_scope');
  });
});

test('a service without a decryption key refuses an encrypted token as malformed', async () => {
  const { encrypted, issuer, judge, verify } = setUp({ decryptionKey: undefined });
  expect(verify.decrypt).toBeUndefined();
  expect(await judge(issuer.token())).toBe('accepted');
  expect(await judge(encrypted())).toBe('malformed');
});

test.each([
  ['a public key', recipient.publicJwk],
  ['a key on another curve', createTestRecipient('P-384').privateJwk],
])('%s as the decryption key is refused at once', (_what, decryptionKey) => {
  expect(() => setUp({ decryptionKey })).toThrow(expect.objectContaining({ code: 'bad_key' }));
});

const inside = (content: string) => encryptCompact(Buffer.from(content, 'latin1'), recipient);
