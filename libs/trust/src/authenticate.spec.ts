import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestKey, fakeClock, published, type TestIssuer } from '#testing';
import { Authenticator } from './authenticate.js';
import { KeyRing, type Channel } from './key-ring.js';
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
  const state = (payload?: Record<string, unknown>, channel: Channel = 'nats') =>
    ring.accept(issuer.statement(payload), channel);
  state();
  /** Resolves each refresh: with whether the ring holds the issuer's present statement. */
  const refreshes: ((isNewest: boolean) => void)[] = [];
  const refresh = () => new Promise<boolean>((resolve) => refreshes.push(resolve));
  const verify = replaced ?? createVerifyAccessToken({ ring, clock: clock.now });
  const authenticator = new Authenticator({ verify, ring, refresh });
  const judge = (token: string) =>
    authenticator.authenticate(carrying(token), { audience: 'orders' }).then(
      () => 'accepted',
      (error: unknown) => (error instanceof TrustError ? error.code : Promise.reject(error as Error)),
    );
  return { clock, issuer, ring, state, refreshes, authenticator, judge };
}

const carrying = (token: string) => ({ rawHeaders: ['Authorization', `Bearer ${token}`] });

/** Lets everything run that does not wait for a timer. */
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
  const broken = (): never => {
    throw cause;
  };
  const { authenticator } = setUp({ verify: Object.assign(broken, { recall: () => undefined }) });
  const judged = authenticator.authenticate(carrying('x'), { audience: 'orders' });
  await expect(judged).rejects.toMatchObject({ name: 'TrustError', code: 'internal', cause });
  expect(authenticator.counts()).toEqual({ internal: 1 });
});

describe('an unknown kid', () => {
  const unknown = (issuer: TestIssuer, kid = 'random') => issuer.token({}, { header: { kid } });

  test('where the last statement was pushed within 15 s: refused with no question, were it 1,000', async () => {
    const { clock, issuer, judge, refreshes } = setUp();
    clock.advance(15_000);
    const tokens = Array.from({ length: 1_000 }, (_, i) => unknown(issuer, `random-${i}`));
    expect(new Set(await Promise.all(tokens.map(judge)))).toEqual(new Set(['unknown_kid']));
    expect(refreshes).toHaveLength(0);
    expect(await judge(issuer.token())).toBe('accepted');
  });

  test.each<[string, (parts: ReturnType<typeof setUp>) => unknown]>([
    ['was pushed longer ago', ({ clock }) => clock.advance(15_001)],
    ['was polled, be it this very moment', ({ state }) => state({}, 'http')],
    ['came from this process', ({ state }) => state({}, 'local')],
  ])('where the last statement %s: asks, and may learn the key', async (_how, prepare) => {
    const parts = setUp();
    const { issuer, judge, refreshes, state } = parts;
    prepare(parts);
    const fresh = createTestKey();
    const judged = [judge(issuer.token({}, { signWith: fresh })), judge(unknown(issuer))];
    await settle();
    state({ keys: [published(fresh)] }, 'http');
    for (const answer of refreshes) answer(true);
    expect(await Promise.all(judged)).toEqual(['accepted', 'unknown_kid']);
  });

  test('503, not 401, if the issuer cannot be asked, however fresh the ring', async () => {
    const { authenticator, issuer, judge, refreshes, state } = setUp();
    state({}, 'http');
    const judged = judge(unknown(issuer));
    await settle();
    refreshes[0]!(false);
    expect(await judged).toBe('trust_stale');
    expect(authenticator.counts()).toEqual({ trust_stale: 1 });
  });

  test('a key that came some other way meanwhile is as good', async () => {
    const { issuer, judge, refreshes, state } = setUp();
    state({}, 'http');
    const fresh = createTestKey();
    const judged = judge(issuer.token({}, { signWith: fresh }));
    await settle();
    state({ keys: [published(fresh)] });
    refreshes[0]!(false);
    expect(await judged).toBe('accepted');
  });

  test('known kids are judged at once while others wait', async () => {
    const { issuer, judge, refreshes, state } = setUp();
    state({}, 'http');
    const waiting = judge(unknown(issuer));
    await settle();
    expect(await judge(issuer.token())).toBe('accepted');
    expect(await judge('junk')).toBe('malformed');
    refreshes[0]!(true);
    await waiting;
  });

  test('other refusals ask nobody', async () => {
    const { clock, issuer, judge, refreshes, state } = setUp();
    state({}, 'http');
    expect(await judge(issuer.token({ aud: 'inventory' }))).toBe('wrong_audience');
    clock.advance(900_000);
    expect(await judge(issuer.token())).toBe('trust_stale');
    expect(refreshes).toHaveLength(0);
  });

  describe('waits', () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    });
    afterEach(() => {
      jest.useRealTimers();
    });

    test('for 1.5 s at most', async () => {
      const { issuer, judge, state } = setUp();
      state({}, 'http');
      let verdict: string | undefined;
      void judge(unknown(issuer)).then((code) => (verdict = code));
      await settle();
      jest.advanceTimersByTime(1_499);
      await settle();
      expect(verdict).toBeUndefined();
      jest.advanceTimersByTime(1);
      await settle();
      expect(verdict).toBe('trust_stale');
      expect(jest.getTimerCount()).toBe(0);
    });

    test('with 1,000 others at most: the rest is 503 at once, and no good token is ever 401', async () => {
      const { issuer, judge, refreshes, state } = setUp();
      state({}, 'http');
      const fresh = createTestKey();
      const good = issuer.token({}, { signWith: fresh });
      const flood = Array.from({ length: 1_000 }, (_, i) => judge(unknown(issuer, `random-${i}`)));
      await settle();
      expect(await judge(good)).toBe('trust_stale');
      expect(await judge(issuer.token())).toBe('accepted');
      expect(refreshes).toHaveLength(1_000);
      state({ keys: [published(fresh)] }, 'http');
      for (const answer of refreshes) answer(true);
      expect(new Set(await Promise.all(flood))).toEqual(new Set(['unknown_kid']));
      expect(await judge(good)).toBe('accepted');
      void judge(unknown(issuer));
      await settle();
      expect(refreshes).toHaveLength(1_001);
    });
  });
});
