import { describe, expect, test } from '@jest/globals';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestKey, fakeClock, published } from '#testing';
import { Authenticator } from './authenticate.js';
import { KeyRing } from './key-ring.js';
import { TrustError } from './trust-error.js';
import { createVerifyAccessToken, type VerifyAccessToken } from './verify-access-token.js';

function setUp({ verify: replaced }: { verify?: VerifyAccessToken } = {}) {
  const clock = fakeClock();
  const issuer = createTestIssuer({ clock: clock.now });
  const ring = new KeyRing({
    issuer: issuer.issuer,
    anchors: issuer.anchors.map(readAnchor),
    clock: clock.now,
  });
  const state = (payload?: Record<string, unknown>) => ring.accept(issuer.statement(payload), 'nats');
  state();
  const refreshes: (() => void)[] = [];
  const refresh = () => new Promise<void>((resolve) => refreshes.push(resolve));
  const verify = replaced ?? createVerifyAccessToken({ ring, clock: clock.now });
  const authenticator = new Authenticator({ verify, ring, refresh, clock: clock.now });
  const judge = (token: string) =>
    authenticator.authenticate(carrying(token), { audience: 'orders' }).then(
      () => 'accepted',
      (error: unknown) => (error instanceof TrustError ? error.code : Promise.reject(error as Error)),
    );
  return { clock, issuer, ring, state, refreshes, authenticator, judge };
}

const carrying = (token: string) => ({ rawHeaders: ['Authorization', `Bearer ${token}`] });

/** Lets everything run that waits for no timer. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('outcomes are counted by their code', async () => {
  const { authenticator, issuer, judge } = setUp();
  await judge(issuer.token());
  await judge(issuer.token());
  await judge(issuer.token({ aud: 'inventory' }));
  await expect(authenticator.authenticate({ rawHeaders: [] }, { audience: 'orders' })).rejects.toMatchObject({
    code: 'missing_token',
  });
  expect(authenticator.counts()).toEqual({ accepted: 2, wrong_audience: 1, missing_token: 1 });
});

test('any other exception is a refusal, counted as internal, its cause kept', async () => {
  const cause = new RangeError('a bug');
  const { authenticator } = setUp({
    verify: () => {
      throw cause;
    },
  });
  const judged = authenticator.authenticate(carrying('x'), { audience: 'orders' });
  await expect(judged).rejects.toMatchObject({ name: 'TrustError', code: 'internal', cause });
  expect(authenticator.counts()).toEqual({ internal: 1 });
});

describe('an unknown kid', () => {
  test('on a confirmed ring: refused with no fetch, were it 1,000', async () => {
    const { clock, issuer, judge, refreshes } = setUp();
    clock.advance(15_000);
    const tokens = Array.from({ length: 1_000 }, (_, i) =>
      issuer.token({}, { header: { kid: `random-${i}` } }),
    );
    expect(new Set(await Promise.all(tokens.map(judge)))).toEqual(new Set(['unknown_kid']));
    expect(refreshes).toHaveLength(0);
    expect(await judge(issuer.token())).toBe('accepted');
  });

  test('on an unconfirmed ring: one refresh for all, which may bring the key', async () => {
    const { clock, issuer, judge, refreshes, state } = setUp();
    const fresh = createTestKey();
    clock.advance(15_001);
    const judged = [
      judge(issuer.token({}, { signWith: fresh })),
      judge(issuer.token({}, { header: { kid: 'random' } })),
    ];
    await settle();
    expect(refreshes).toHaveLength(1);
    state({ keys: [published(fresh)] });
    refreshes[0]!();
    expect(await Promise.all(judged)).toEqual(['accepted', 'unknown_kid']);
  });

  test('503, not 401, while the ring is still unconfirmed after it', async () => {
    const { authenticator, clock, issuer, judge, refreshes } = setUp();
    clock.advance(15_001);
    const judged = judge(issuer.token({}, { header: { kid: 'random' } }));
    await settle();
    refreshes[0]!();
    expect(await judged).toBe('trust_stale');
    expect(authenticator.counts()).toEqual({ trust_stale: 1 });
  });

  test('is waited for 500 ms at most', async () => {
    const { clock, issuer, judge } = setUp();
    clock.advance(15_001);
    const before = performance.now();
    expect(await judge(issuer.token({}, { header: { kid: 'random' } }))).toBe('trust_stale');
    const waited = performance.now() - before;
    expect(waited).toBeGreaterThan(490);
    expect(waited).toBeLessThan(2_000);
  });

  test('within the same second no second refresh begins, after it one does', async () => {
    const { clock, issuer, judge, refreshes } = setUp();
    const unknown = () => judge(issuer.token({}, { header: { kid: 'random' } }));
    clock.advance(15_001);
    const first = unknown();
    await settle();
    refreshes[0]!();
    await first;
    clock.advance(999);
    expect(await unknown()).toBe('trust_stale');
    expect(refreshes).toHaveLength(1);
    clock.advance(1);
    const third = unknown();
    await settle();
    expect(refreshes).toHaveLength(2);
    refreshes[1]!();
    expect(await third).toBe('trust_stale');
  });

  test('known kids are judged at once meanwhile', async () => {
    const { clock, issuer, judge, refreshes } = setUp();
    clock.advance(15_001);
    const waiting = judge(issuer.token({}, { header: { kid: 'random' } }));
    await settle();
    expect(await judge(issuer.token())).toBe('accepted');
    expect(await judge('junk')).toBe('malformed');
    refreshes[0]!();
    await waiting;
  });

  test('other refusals ask for no refresh on an unconfirmed or stale ring', async () => {
    const { clock, issuer, judge, refreshes } = setUp();
    clock.advance(15_001);
    expect(await judge(issuer.token({ aud: 'inventory' }))).toBe('wrong_audience');
    clock.advance(900_000);
    expect(await judge(issuer.token())).toBe('trust_stale');
    expect(refreshes).toHaveLength(0);
  });
});
