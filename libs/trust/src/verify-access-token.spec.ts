import { describe, expect, test } from '@jest/globals';
import { readAnchor } from '#statements';
import {
  createTestIssuer,
  createTestKey,
  fakeClock,
  published,
  segment,
  signCompact,
  type TestAlg,
} from '#testing';
import { KeyRing } from './key-ring.js';
import { MAX_REVOCATIONS } from './revocations.js';
import { TrustError, type TrustErrorCode } from './trust-error.js';
import { createVerifyAccessToken, type VerifyOptions } from './verify-access-token.js';

function setUp(options: Partial<VerifyOptions> = {}) {
  const clock = fakeClock();
  const issuer = createTestIssuer({ clock: clock.now });
  const ring = new KeyRing({
    issuer: issuer.issuer,
    anchors: issuer.anchors.map(readAnchor),
    clock: clock.now,
  });
  const state = (payload?: Record<string, unknown>) => ring.accept(issuer.statement(payload), 'nats');
  expect(state()).toBeUndefined();
  const verify = createVerifyAccessToken({ ring, clock: clock.now, ...options });
  const judge = (token: string, expected: Parameters<typeof verify>[1] = { audience: 'orders' }) => {
    try {
      verify(token, expected);
      return 'accepted';
    } catch (error) {
      if (error instanceof TrustError) return error.code;
      throw error;
    }
  };
  return { clock, issuer, ring, state, verify, judge, now: clock.now() / 1000 };
}
type Parts = ReturnType<typeof setUp>;

test('a good token gives its claims, frozen', () => {
  const { issuer, verify, now } = setUp();
  const claims = verify(issuer.token({ sub: 'me', roles: ['customer'] }), {
    audience: 'orders',
    scopes: ['orders:read'],
  });
  expect(claims).toMatchObject({
    sub: 'me',
    aud: 'orders',
    iat: now,
    exp: now + 300,
    client_id: 'web',
    roles: ['customer'],
  });
  expect(Object.isFrozen(claims)).toBe(true);
});

test.each<TestAlg>(['ES256', 'ES384', 'ES512', 'RS256', 'PS256'])('a token of %s is accepted', (alg) => {
  const { issuer, state, judge } = setUp();
  const key = createTestKey(alg);
  state({ keys: [published(key)] });
  expect(judge(issuer.token({}, { signWith: key }))).toBe('accepted');
});

test.each(['prepared', 'active', 'retiring'])('a key that is %s verifies', (status) => {
  const { issuer, state, judge } = setUp();
  state({ keys: [published(issuer.key, { status })] });
  expect(judge(issuer.token())).toBe('accepted');
});

describe('one check after the other', () => {
  const stranger = createTestKey();
  test.each<[string, TrustErrorCode | 'accepted', (parts: Parts) => string]>([
    ['9 kB', 'too_large', ({ issuer }) => issuer.token({ filler: 'x'.repeat(9_000) })],
    ['two segments', 'malformed', ({ issuer }) => issuer.token().split('.').slice(0, 2).join('.')],
    ['a JWE of five segments', 'malformed', ({ issuer }) => `${issuer.token()}.a.b`],
    ['padding', 'malformed', ({ issuer }) => `${issuer.token()}==`],
    ['a claim twice', 'malformed', ({ issuer }) => twice(issuer)],
    [
      'a payload that is no object',
      'malformed',
      ({ issuer }) => signCompact(headerOf(issuer), '[]', issuer.key),
    ],
    ['typ of a statement', 'wrong_typ', ({ issuer }) => issuer.token({}, { header: { typ: 'jwk-set+jwt' } })],
    ['a statement as a token', 'wrong_typ', ({ issuer }) => issuer.statement()],
    ['typ JWT', 'wrong_typ', ({ issuer }) => issuer.token({}, { header: { typ: 'JWT' } })],
    ['no typ', 'wrong_typ', ({ issuer }) => issuer.token({}, { header: { typ: undefined } })],
    [
      'typ with its media type',
      'accepted',
      ({ issuer }) => issuer.token({}, { header: { typ: 'application/at+jwt' } }),
    ],
    ['typ in capitals', 'accepted', ({ issuer }) => issuer.token({}, { header: { typ: 'AT+JWT' } })],
    ['crit', 'unsupported_header', ({ issuer }) => issuer.token({}, { header: { crit: ['exp'] } })],
    ['b64', 'unsupported_header', ({ issuer }) => issuer.token({}, { header: { b64: false } })],
    ['zip', 'unsupported_header', ({ issuer }) => issuer.token({}, { header: { zip: 'DEF' } })],
    [
      'a kid that is not in the ring',
      'unknown_kid',
      ({ issuer }) => issuer.token({}, { signWith: stranger }),
    ],
    ['no kid', 'unknown_kid', ({ issuer }) => issuer.token({}, { header: { kid: undefined } })],
    [
      'a kid that is a list',
      'unknown_kid',
      ({ issuer }) => issuer.token({}, { header: { kid: [issuer.key.kid] } }),
    ],
    [
      'the anchor as a signing key',
      'unknown_kid',
      ({ issuer }) => issuer.token({}, { signWith: issuer.anchor }),
    ],
    [
      'a key that it brings along',
      'unknown_kid',
      ({ issuer }) => issuer.token({}, { signWith: stranger, header: { jwk: stranger.publicJwk } }),
    ],
    ['alg none', 'alg_mismatch', ({ issuer }) => unsigned(issuer)],
    ['alg HS256', 'alg_mismatch', ({ issuer }) => issuer.token({}, { header: { alg: 'HS256' } })],
    [
      'the alg of another key',
      'alg_mismatch',
      ({ issuer }) => issuer.token({}, { header: { alg: 'ES384' } }),
    ],
    [
      "a stranger's signature",
      'bad_signature',
      ({ issuer }) => issuer.token({}, { signWith: stranger, header: { kid: issuer.key.kid } }),
    ],
    [
      "the standby's signature under the active kid",
      'bad_signature',
      ({ issuer }) => issuer.token({}, { signWith: issuer.standby, header: { kid: issuer.key.kid } }),
    ],
    ['no signature', 'bad_signature', ({ issuer }) => issuer.token().replace(/[^.]*$/, '')],
    ['the payload of another token', 'bad_signature', ({ issuer }) => mixed(issuer)],
    ['no sub', 'invalid_claim', ({ issuer }) => issuer.token({ sub: undefined })],
    ['no exp', 'invalid_claim', ({ issuer }) => issuer.token({ exp: undefined })],
    ['no iat', 'invalid_claim', ({ issuer }) => issuer.token({ iat: undefined })],
    ['no jti', 'invalid_claim', ({ issuer }) => issuer.token({ jti: undefined })],
    ['no client_id', 'invalid_claim', ({ issuer }) => issuer.token({ client_id: undefined })],
    ['aud as a list', 'invalid_claim', ({ issuer }) => issuer.token({ aud: ['orders'] })],
    ['exp as text', 'invalid_claim', ({ issuer, now }) => issuer.token({ exp: String(now + 300) })],
    ['nbf null', 'invalid_claim', ({ issuer }) => issuer.token({ nbf: null })],
    ['another issuer', 'wrong_issuer', ({ issuer }) => issuer.token({ iss: 'https://other.test' })],
    ['the issuer with a slash', 'wrong_issuer', ({ issuer }) => issuer.token({ iss: `${issuer.issuer}/` })],
    [
      'a key that it is bound to',
      'key_bound',
      ({ issuer }) => issuer.token({ cnf: { jkt: issuer.key.kid } }),
    ],
    ['cnf null', 'key_bound', ({ issuer }) => issuer.token({ cnf: null })],
    ['another audience', 'wrong_audience', ({ issuer }) => issuer.token({ aud: 'inventory' })],
    ['the audience in capitals', 'wrong_audience', ({ issuer }) => issuer.token({ aud: 'Orders' })],
    ['a life of 301 s', 'lifetime_too_long', ({ issuer, now }) => issuer.token({ exp: now + 301 })],
    ['a life of 300 s', 'accepted', ({ issuer, now }) => issuer.token({ exp: now + 300 })],
    ['exp = iat', 'lifetime_too_long', ({ issuer, now }) => issuer.token({ exp: now })],
    [
      'exp before iat',
      'lifetime_too_long',
      ({ issuer, now }) => issuer.token({ iat: now + 3, exp: now + 2 }),
    ],
    ['iat 5 s ahead', 'accepted', ({ issuer, now }) => issuer.token({ iat: now + 5, exp: now + 300 })],
    ['iat 6 s ahead', 'not_yet_valid', ({ issuer, now }) => issuer.token({ iat: now + 6, exp: now + 300 })],
    ['nbf 5 s ahead', 'accepted', ({ issuer, now }) => issuer.token({ nbf: now + 5 })],
    ['nbf 6 s ahead', 'not_yet_valid', ({ issuer, now }) => issuer.token({ nbf: now + 6 })],
    [
      'iat 6 s ahead behind an early nbf',
      'not_yet_valid',
      ({ issuer, now }) => issuer.token({ iat: now + 6, nbf: now, exp: now + 300 }),
    ],
    ['exp 4 s ago', 'accepted', ({ issuer, now }) => issuer.token({ iat: now - 304, exp: now - 4 })],
    ['exp 5 s ago', 'expired', ({ issuer, now }) => issuer.token({ iat: now - 305, exp: now - 5 })],
  ])('%s: %s', (_what, code, tokenOf) => {
    const parts = setUp();
    const token = tokenOf(parts);
    expect(parts.judge(token)).toBe(code);
    // The first result must not change the second one.
    expect(parts.judge(token)).toBe(code);
  });

  test('times to the millisecond: exp + 5 s', () => {
    const { clock, issuer, judge } = setUp();
    const token = issuer.token();
    clock.advance(304_999);
    expect(judge(token)).toBe('accepted');
    clock.advance(1);
    expect(judge(token)).toBe('expired');
  });

  test('times to the millisecond: nbf - 5 s', () => {
    const { clock, issuer, judge, now } = setUp();
    const token = issuer.token({ nbf: now + 10 });
    clock.advance(4_999);
    expect(judge(token)).toBe('not_yet_valid');
    clock.advance(1);
    expect(judge(token)).toBe('accepted');
  });
});

describe("the key's own end", () => {
  test('exp may reach verify_until, not pass it', () => {
    const { issuer, state, judge, now } = setUp();
    state({ keys: [published(issuer.key, { status: 'retiring', verify_until: now + 200 })] });
    expect(judge(issuer.token({ exp: now + 200 }))).toBe('accepted');
    expect(judge(issuer.token({ exp: now + 201 }))).toBe('past_key_end');
  });

  test('now may reach it, not pass it, though exp + skew still would', () => {
    const { clock, issuer, state, judge, now } = setUp();
    state({ keys: [published(issuer.key, { status: 'retiring', verify_until: now + 200 })] });
    const token = issuer.token({ exp: now + 200 });
    clock.advance(200_000);
    expect(judge(token)).toBe('accepted');
    clock.advance(1);
    expect(judge(token)).toBe('past_key_end');
  });
});

describe('audience and scopes', () => {
  test('without an expected audience any will do', () => {
    const { issuer, judge } = setUp();
    expect(judge(issuer.token({ aud: 'inventory' }), { audience: undefined })).toBe('accepted');
  });

  test.each<[string | undefined, string[], string]>([
    ['a b', [], 'accepted'],
    ['a b', ['b', 'a'], 'accepted'],
    ['a b', ['a', 'c'], 'insufficient_scope'],
    ['ab', ['a'], 'insufficient_scope'],
    ['A', ['a'], 'insufficient_scope'],
    ['', ['a'], 'insufficient_scope'],
    [undefined, ['a'], 'insufficient_scope'],
    [undefined, [], 'accepted'],
  ])('scope %p where %p is asked for: %s', (scope, scopes, code) => {
    const { issuer, judge } = setUp();
    expect(judge(issuer.token({ scope }), { audience: 'orders', scopes })).toBe(code);
  });

  test.each<[Record<string, unknown>, string]>([
    [{ act: { sub: 'orders' } }, 'accepted'],
    [{ act: { sub: 'orders', act: { sub: 'shop' } } }, 'accepted'],
    [{ act: { sub: 'shop', act: { sub: 'orders' } } }, 'wrong_actor'],
    [{}, 'wrong_actor'],
    [{ client_id: 'orders' }, 'wrong_actor'],
    [{ act: { sub: 'orders' }, sid: undefined }, 'wrong_actor'],
  ])('claims %j where orders must act for a session: %s', (claims, code) => {
    const { issuer, judge } = setUp();
    expect(judge(issuer.token(claims), { audience: 'orders', actor: 'orders' })).toBe(code);
  });

  test.each<[string, unknown]>([
    ['a string', 'read'],
    ['a set', new Set(['r'])],
    ['an iterator', ['r', 'q'].values()],
    ['null', null],
  ])('%s in place of a list of scopes is refused, also for a remembered token', (_what, given) => {
    const { issuer, verify, judge } = setUp();
    const token = issuer.token({ scope: 'r e a d' });
    expect(judge(token)).toBe('accepted');
    const expected = { audience: 'orders', scopes: given as string[] };
    for (let time = 0; time < 2; time += 1) {
      expect(judge(token, expected)).toBe('internal');
      expect(verify.recall(token, expected)).toBeUndefined();
    }
  });

  test('each is judged anew for a remembered token', () => {
    const { issuer, judge } = setUp();
    const token = issuer.token({ scope: 'orders:read' });
    expect(judge(token, { audience: undefined })).toBe('accepted');
    expect(judge(token, { audience: 'inventory' })).toBe('wrong_audience');
    expect(judge(token, { audience: 'orders', scopes: ['orders:write'] })).toBe('insufficient_scope');
    expect(judge(token, { audience: 'orders', actor: 'shop' })).toBe('wrong_actor');
    expect(judge(token, { audience: 'orders', scopes: ['orders:read'] })).toBe('accepted');
  });
});

describe('the ring', () => {
  test('empty or stale: trust_stale, for good tokens and junk alike', () => {
    const { clock, issuer, judge, state } = setUp();
    const empty = new KeyRing({
      issuer: issuer.issuer,
      anchors: issuer.anchors.map(readAnchor),
      clock: clock.now,
    });
    const verify = createVerifyAccessToken({ ring: empty, clock: clock.now });
    expect(() => verify(issuer.token(), { audience: 'orders' })).toThrow(
      new TrustError('trust_stale', 'no key-set statement yet'),
    );
    clock.advance(899_999);
    const token = issuer.token();
    expect(judge(token)).toBe('accepted');
    clock.advance(1);
    expect(judge(token)).toBe('trust_stale');
    expect(judge('junk')).toBe('trust_stale');
    state();
    expect(judge(token)).toBe('accepted');
  });
});

describe('remembered tokens', () => {
  test('the same claims object comes back, without a signature being checked', () => {
    const { issuer, verify } = setUp();
    const token = issuer.token();
    expect(verify(token, { audience: 'orders' })).toBe(verify(token, { audience: 'orders' }));
    const forgetful = setUp({ cacheSize: 0 });
    const other = forgetful.issuer.token();
    expect(forgetful.verify(other, { audience: 'orders' })).not.toBe(
      forgetful.verify(other, { audience: 'orders' }),
    );
  });

  test('survive a re-issued statement', () => {
    const { issuer, state, verify } = setUp();
    const token = issuer.token();
    const claims = verify(token, { audience: 'orders' });
    state();
    expect(verify(token, { audience: 'orders' })).toBe(claims);
  });

  test('are not yet valid when the clock goes back by more than the skew', () => {
    const { clock, issuer, judge } = setUp();
    const token = issuer.token();
    expect(judge(token)).toBe('accepted');
    clock.advance(-7_000);
    expect(judge(token)).toBe('not_yet_valid');
  });

  test('expire', () => {
    const { clock, issuer, judge } = setUp();
    const token = issuer.token();
    expect(judge(token)).toBe('accepted');
    clock.advance(305_000);
    expect(judge(token)).toBe('expired');
  });

  test('are refused once their key is gone', () => {
    const { issuer, state, judge } = setUp();
    const token = issuer.token();
    expect(judge(token)).toBe('accepted');
    state({ keys: [published(issuer.standby)] });
    expect(judge(token)).toBe('unknown_kid');
  });

  test('are judged by the new end of their key', () => {
    const { issuer, state, judge, now } = setUp();
    const token = issuer.token();
    expect(judge(token)).toBe('accepted');
    state({ keys: [published(issuer.key, { status: 'retiring', verify_until: now + 100 })] });
    expect(judge(token)).toBe('past_key_end');
  });

  test('are verified anew once their key has changed', () => {
    const { issuer, state, verify } = setUp();
    const token = issuer.token();
    const claims = verify(token, { audience: 'orders' });
    state({ keys: [published(issuer.key, { status: 'retiring' })] });
    const again = verify(token, { audience: 'orders' });
    expect(again).not.toBe(claims);
    expect(again).toEqual(claims);
    expect(verify(token, { audience: 'orders' })).toBe(again);
  });

  test('one whose end of the signature is the same does not pass for it', () => {
    const { issuer, judge } = setUp();
    const token = issuer.token();
    expect(judge(token)).toBe('accepted');
    const [head, , tail] = token.split('.') as [string, string, string];
    expect(judge(`${head}.${segment(issuer.claims({ sub: 'admin' }))}.${tail}`)).toBe('bad_signature');
    expect(judge(token)).toBe('accepted');
  });

  test('a refused token is not remembered', () => {
    const { clock, issuer, judge, now } = setUp();
    const token = issuer.token({ nbf: now + 6 });
    expect(judge(token)).toBe('not_yet_valid');
    clock.advance(1_000);
    expect(judge(token)).toBe('accepted');
  });
});

describe('revocation', () => {
  test.each<[string, Parameters<Issuer['revocation']>[1], Record<string, unknown>]>([
    ['its jti', { jti: 'j' }, { jti: 'j' }],
    ['the jti of the token that it was exchanged for', { jti: 'j' }, { txn: 'j' }],
    ['a client that exchanged it', { client_id: 'c' }, { act: { sub: 'b', act: { sub: 'c' } } }],
    ['its session', { sid: 's' }, { sid: 's' }],
    ['its client', { client_id: 'c' }, { client_id: 'c' }],
  ])('by %s', (_what, revoked, claims) => {
    const { issuer, ring, judge } = setUp();
    const [token, other] = [issuer.token(claims), issuer.token()];
    expect(judge(token)).toBe('accepted');
    expect(ring.revocations.add(issuer.revocation(1, revoked))).toBeUndefined();
    expect(judge(token)).toBe('revoked');
    expect(judge(token)).toBe('revoked');
    expect(judge(issuer.token(claims))).toBe('revoked');
    expect(judge(other)).toBe('accepted');
  });

  test('a name counts in its own claim alone', () => {
    const { issuer, ring, judge } = setUp();
    for (const [n, revoked] of [{ jti: 'x' }, { client_id: 'x' }].entries())
      ring.revocations.add(issuer.revocation(n + 1, revoked));
    expect(judge(issuer.token({ sid: 'x', sub: 'x' }))).toBe('accepted');
    expect(judge(issuer.token({ sid: undefined }))).toBe('accepted');
  });

  test('comes after every other fault of the token, and before scopes', () => {
    const { issuer, ring, judge, now } = setUp();
    ring.revocations.add(issuer.revocation(1));
    expect(judge(issuer.token({ exp: now - 5, iat: now - 300 }))).toBe('expired');
    expect(judge(issuer.token({ aud: 'inventory' }))).toBe('wrong_audience');
    expect(judge(issuer.token(), { audience: 'orders', scopes: ['x:y'] })).toBe('revoked');
  });

  test('of something else costs a remembered token one look, and no crypto', () => {
    const { issuer, ring, verify } = setUp();
    const token = issuer.token();
    const claims = verify(token, { audience: 'orders' });
    const looks: unknown[] = [];
    const revokes = ring.revocations.revokes.bind(ring.revocations);
    ring.revocations.revokes = (asked) => {
      looks.push(asked);
      return revokes(asked);
    };
    verify(token, { audience: 'orders' });
    expect(looks).toEqual([]);
    ring.revocations.add(issuer.revocation(1, { sid: 'other' }));
    for (let i = 0; i < 3; i += 1) expect(verify(token, { audience: 'orders' })).toBe(claims);
    expect(looks).toEqual([claims]);
  });

  test('a view that may not be used refuses every token, also one that was accepted before', () => {
    const { issuer, ring, judge, verify, state } = setUp();
    const token = issuer.token();
    const expected = { audience: 'orders' };
    expect(judge(token)).toBe('accepted');
    ring.revocations.requireComplete();
    expect([judge(token), judge(issuer.token())]).toEqual(['trust_stale', 'trust_stale']);
    expect(verify.recall(token, expected)).toBeUndefined();
    ring.revocations.caughtUp();
    expect(judge(token)).toBe('accepted');
    state({ revocations: { from: 1, to: MAX_REVOCATIONS + 1 } });
    expect([judge(token), verify.recall(token, expected)]).toEqual(['trust_stale', undefined]);
    state();
    expect(judge(token)).toBe('accepted');
  });

  test('a strict expectation needs a fresh view, any other does not', () => {
    const { clock, issuer, judge, state } = setUp();
    const token = issuer.token();
    const strict = { audience: 'orders', strict: true };
    expect(judge(token, strict)).toBe('accepted');
    clock.advance(15_000);
    expect(judge(token, strict)).toBe('accepted');
    clock.advance(1);
    expect(judge(token, strict)).toBe('trust_stale');
    expect(judge(token)).toBe('accepted');
    clock.advance(999);
    state({ revocations: { from: 1, to: 1 } });
    expect(judge(token, strict)).toBe('trust_stale');
    state();
    expect(judge(token, strict)).toBe('accepted');
  });
});

describe('options', () => {
  test.each<Partial<VerifyOptions>>([
    { clockSkewSeconds: 6 },
    { clockSkewSeconds: -1 },
    { clockSkewSeconds: NaN },
    { maxLifetimeSeconds: NaN },
    { maxLifetimeSeconds: 0 },
    { maxTokenBytes: NaN },
    { maxTokenBytes: 0 },
    { cacheSize: -1 },
    { cacheSize: NaN },
    { cacheSize: 1.5 },
    { cacheSize: '3' as unknown as number },
    { cacheSize: 2 ** 20 + 1 },
  ])('%p is refused at once', (options) => expect(() => setUp(options)).toThrow(RangeError));

  test('skew 0, a shorter life and a smaller size are held to', () => {
    const { issuer, judge, now } = setUp({ clockSkewSeconds: 0, maxLifetimeSeconds: 60, maxTokenBytes: 700 });
    expect(judge(issuer.token({ exp: now + 60 }))).toBe('accepted');
    expect(judge(issuer.token({ exp: now + 61 }))).toBe('lifetime_too_long');
    expect(judge(issuer.token({ iat: now + 1, exp: now + 60 }))).toBe('not_yet_valid');
    expect(judge(issuer.token({ iat: now - 60, exp: now }))).toBe('expired');
    expect(judge(issuer.token({ exp: now + 60, filler: 'x'.repeat(500) }))).toBe('too_large');
  });
});

type Issuer = Parts['issuer'];
const headerOf = ({ key }: Issuer) => ({ alg: key.alg, typ: 'at+jwt', kid: key.kid });

function twice(issuer: Issuer): string {
  const payload = JSON.stringify(issuer.claims()).replace('{', '{"\\u0073ub":"admin",');
  return signCompact(headerOf(issuer), payload, issuer.key);
}

const unsigned = (issuer: Issuer) =>
  `${segment({ ...headerOf(issuer), alg: 'none' })}.${segment(issuer.claims())}.`;

function mixed(issuer: Issuer): string {
  const [head, , tail] = issuer.token().split('.') as [string, string, string];
  return `${head}.${segment(issuer.claims({ sub: 'admin' }))}.${tail}`;
}
