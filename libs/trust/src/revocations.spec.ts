import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_REVOCATION_BYTES, readAnchor } from '#statements';
import { createTestIssuer, createTestKey, fakeClock } from '#testing';
import type { AccessTokenClaims } from './access-token-claims.js';
import { RevocationView } from './revocations.js';

function setUp(options: { maxRevocations?: number } = {}) {
  const clock = fakeClock();
  const issuer = createTestIssuer({ clock: clock.now });
  const view = new RevocationView({
    issuer: issuer.issuer,
    anchors: issuer.anchors.map(readAnchor),
    clock: clock.now,
    ...options,
  });
  const revoke = (n: number, sid = `s${n}`) => view.add(issuer.revocation(n, { sid }));
  const expectRange = (from: number, to: number, pushed = true) =>
    view.expect({ from, to, iat: clock.now() / 1000 }, { pushed });
  const isRevoked = (sid: string) => view.revokes({ sid } as AccessTokenClaims) === 'sid';
  return { clock, issuer, view, revoke, expectRange, isRevoked };
}

describe('add', () => {
  test('adds once, however often it comes', () => {
    const { issuer, view, isRevoked } = setUp();
    const jws = issuer.revocation(1, { sid: 's1' });
    for (let i = 0; i < 3; i += 1) expect(view.add(jws)).toBeUndefined();
    expect(isRevoked('s1')).toBe(true);
    expect(isRevoked('s2')).toBe(false);
    expect(view.facts()).toMatchObject({ held: { jti: 0, sid: 1, client_id: 0 }, accepted: 1 });
  });

  test('moves the counter for what is new, and for nothing else', () => {
    const { issuer, view, revoke } = setUp();
    const before = view.counter;
    revoke(1);
    const after = view.counter;
    expect(after).toBeGreaterThan(before);
    revoke(1);
    revoke(2, 's1');
    view.add('junk');
    view.expect({ from: 1, to: 2, iat: 1 }, { pushed: true });
    expect(view.counter).toBe(after);
    view.add(issuer.revocation(3, { jti: 's1' }));
    expect(view.counter).toBeGreaterThan(after);
  });

  test('refuses what no pinned anchor signed, and what is too large, and counts both', () => {
    const { issuer, view, isRevoked } = setUp();
    const stranger = createTestKey();
    const { key, anchor } = issuer;
    for (const signing of [{ signWith: stranger }, { signWith: key }])
      expect(view.add(issuer.revocation(1, { sid: 's1' }, {}, signing))).toBe('unknown_anchor');
    const header = { kid: anchor.kid };
    expect(view.add(issuer.revocation(1, { sid: 's1' }, {}, { signWith: stranger, header }))).toBe(
      'bad_signature',
    );
    expect(view.add('.'.repeat(MAX_REVOCATION_BYTES + 1))).toBe('too_large');
    expect(isRevoked('s1')).toBe(false);
    expect(view.facts()).toMatchObject({
      held: { sid: 0 },
      accepted: 0,
      refused: { unknown_anchor: 2, bad_signature: 1, too_large: 1 },
    });
  });
});

describe('a revoked client', () => {
  const claims = (more: object) => ({ jti: 'j', client_id: 'web', sid: 's', ...more }) as AccessTokenClaims;
  const chain = { sub: 'audit', act: { sub: 'inventory', act: { sub: 'orders' } } };

  test.each(['audit', 'inventory', 'orders'])('refuses tokens that went through its hands: %s', (client) => {
    const { issuer, view } = setUp();
    expect(view.revokes(claims({ act: chain }))).toBeUndefined();
    view.add(issuer.revocation(1, { client_id: client }));
    expect(view.revokes(claims({ act: chain }))).toBe('act');
    expect(view.revokes(claims({ client_id: client, act: chain }))).toBe('client_id');
    expect(view.revokes(claims({}))).toBeUndefined();
  });

  test('is not found by a session or a token of the same name', () => {
    const { issuer, view } = setUp();
    view.add(issuer.revocation(1, { sid: 'orders' }));
    view.add(issuer.revocation(2, { jti: 'orders' }));
    expect(view.revokes(claims({ act: chain }))).toBeUndefined();
  });
});

describe('what is missing', () => {
  test('is what the statement tells of and nobody brought', () => {
    const { view, revoke, expectRange } = setUp();
    revoke(2);
    expectRange(1, 4);
    expect(view.missing()).toEqual([1, 3, 4]);
    expect(view.missing(2)).toEqual([1, 3]);
    revoke(3);
    expectRange(1, 5);
    expect(view.missing()).toEqual([1, 4, 5]);
    for (const n of [1, 4, 5]) revoke(n);
    expect(view.missing()).toEqual([]);
  });

  test.each([
    [0, 0],
    [1, 0],
    [8, 7],
  ])('is nothing where there is nothing: %p..%p', (from, to) => {
    const { view, expectRange } = setUp();
    expectRange(from, to);
    expect(view.missing()).toEqual([]);
  });

  test('is no longer missed once it does not matter', () => {
    const { view, expectRange } = setUp();
    expectRange(1, 4);
    expectRange(4, 4);
    expect(view.missing()).toEqual([4]);
  });

  test('is judged anew where the numbers do not go on', () => {
    const { view, revoke, expectRange } = setUp();
    expectRange(5, 9);
    revoke(3);
    revoke(6);
    expectRange(3, 6);
    expect(view.missing()).toEqual([3, 4, 5]);
  });
});

describe('what does not matter any more', () => {
  test('is forgotten, and is not taken in again', () => {
    const { view, revoke, expectRange, isRevoked } = setUp();
    for (const n of [1, 2, 3]) revoke(n);
    expectRange(3, 3);
    expect([1, 2, 3].map((n) => isRevoked(`s${n}`))).toEqual([false, false, true]);
    expect(revoke(2)).toBeUndefined();
    expect(isRevoked('s2')).toBe(false);
    expect(view.facts()).toMatchObject({ held: { sid: 1 }, from: 3, to: 3, accepted: 3 });
  });

  test('what was revoked twice matters as long as the later revocation does', () => {
    const { revoke, expectRange, isRevoked } = setUp();
    revoke(4, 'twice');
    revoke(1, 'twice');
    expectRange(2, 4);
    expect(isRevoked('twice')).toBe(true);
    expectRange(5, 4);
    expect(isRevoked('twice')).toBe(false);
  });
});

test('the order in which revocations and statements come makes no difference', () => {
  const { issuer } = setUp();
  const events = [
    ...[1, 2, 3, 4, 5, 6].map((n) => ({ n, jws: issuer.revocation(n, { sid: `s${n % 4}` }) })),
    { from: 1, to: 3 },
    { from: 3, to: 6 },
  ];
  const outcome = (order: typeof events) => {
    const view = new RevocationView({ issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor) });
    const ranges = { last: 0 };
    for (const event of order) {
      if ('jws' in event) view.add(event.jws);
      // The ring passes on newer statements only.
      else if (event.to > ranges.last) {
        ranges.last = event.to;
        view.expect({ ...event, iat: 1 }, { pushed: true });
      }
    }
    const revoked = [0, 1, 2, 3].filter((k) => view.revokes({ sid: `s${k}` } as AccessTokenClaims));
    return { revoked, missing: view.missing(), held: view.facts().held };
  };
  fc.assert(
    fc.property(fc.shuffledSubarray(events, { minLength: events.length }), (order) => {
      expect(outcome(order)).toEqual({
        revoked: [0, 1, 2, 3],
        missing: [],
        held: { jti: 0, sid: 4, client_id: 0 },
      });
    }),
    { numRuns: 25 },
  );
});

describe('freshness', () => {
  test('never before a statement was pushed; then its age', () => {
    const { clock, view, expectRange } = setUp();
    expect([view.isFresh(), view.facts().age]).toEqual([false, null]);
    expectRange(1, 0, false);
    expect(view.isFresh()).toBe(false);
    expectRange(1, 0);
    clock.advance(15_000);
    expect([view.isFresh(), view.facts().age]).toEqual([true, 15]);
    clock.advance(1);
    expect(view.isFresh()).toBe(false);
    expectRange(1, 0, false);
    expect(view.isFresh()).toBe(false);
    expectRange(1, 0);
    expect(view.isFresh()).toBe(true);
  });

  test('waits for what is missing, and is then of the newest statement', () => {
    const { clock, view, revoke, expectRange } = setUp();
    expectRange(1, 0);
    clock.advance(10_000);
    expectRange(1, 1);
    expect(view.facts().age).toBe(10);
    clock.advance(10_000);
    expectRange(1, 1);
    expect(view.isFresh()).toBe(false);
    revoke(1);
    expect([view.isFresh(), view.facts().age]).toEqual([true, 0]);
  });

  test('a statement of the far future is no proof', () => {
    const { clock, view } = setUp();
    view.expect({ from: 1, to: 0, iat: clock.now() / 1000 + 3600 }, { pushed: true });
    expect(view.isFresh()).toBe(false);
  });
});

describe('a process that has just started', () => {
  function start() {
    const parts = setUp();
    parts.view.requireComplete();
    return parts;
  }

  test('judges no token until all that NATS has is here', () => {
    const { view, revoke, expectRange } = start();
    expect(view.fault()).toBe('incomplete');
    expectRange(1, 2);
    revoke(1);
    view.caughtUp();
    expect(view.fault()).toBe('incomplete');
    revoke(2);
    expect(view.fault()).toBeUndefined();
  });

  test('also waits until it has asked for what is newer than the last statement', () => {
    const { view, expectRange } = start();
    expectRange(1, 0);
    expect(view.fault()).toBe('incomplete');
    view.caughtUp();
    expect(view.fault()).toBeUndefined();
  });

  test('is not content with a statement that came over HTTP', () => {
    const { view, expectRange } = start();
    expectRange(1, 0, false);
    view.caughtUp();
    expect(view.fault()).toBe('incomplete');
  });

  test('judges while NATS is away, and goes on when NATS is there and something is missing', () => {
    const { view, expectRange } = start();
    view.natsIsAway();
    expect(view.fault()).toBeUndefined();
    expectRange(1, 1, false);
    expect(view.fault()).toBeUndefined();
    expectRange(1, 1);
    expect(view.missing()).toEqual([1]);
    expect(view.fault()).toBeUndefined();
  });

  test.each(['a statement', 'a revocation'])('%s shows that NATS is there, for 15 s', (sign) => {
    const { clock, view, revoke, expectRange } = start();
    const hear = () => (sign === 'a statement' ? expectRange(1, 9) : revoke(9));
    clock.advance(15_000);
    expect(view.fault()).toBe('incomplete');
    hear();
    clock.advance(15_000);
    expect(view.fault()).toBe('incomplete');
    clock.advance(1);
    expect(view.fault()).toBeUndefined();
    clock.advance(-60_000);
    expect(view.fault()).toBeUndefined();
  });

  test('goes on judging afterwards, although a revocation may be late', () => {
    const { view, expectRange } = start();
    expectRange(1, 0);
    view.caughtUp();
    expectRange(1, 1);
    expect(view.missing()).toEqual([1]);
    expect(view.fault()).toBeUndefined();
  });
});

describe('more revocations than the view may hold', () => {
  const overflowing = () => {
    const parts = setUp({ maxRevocations: 3 });
    const told: string[] = [];
    parts.view.onTooMany(() => told.push('too many'));
    return { ...parts, told };
  };

  test('a statement that counts more: no token is judged, and this is told once', () => {
    const { view, expectRange, told } = overflowing();
    expectRange(1, 3);
    expect([view.fault(), told]).toEqual([undefined, []]);
    for (const to of [4, 5]) expectRange(1, to);
    expect(view.fault()).toBe('too_many');
    expect([view.missing(), view.facts().missing]).toEqual([[], 5]);
    expect(told).toEqual(['too many']);
  });

  test('a statement of any size costs nothing', () => {
    const { view, expectRange } = overflowing();
    expectRange(0, Number.MAX_SAFE_INTEGER);
    expect([view.fault(), view.missing()]).toEqual(['too_many', []]);
  });

  test('what comes live takes no more room than there is', () => {
    const { view, expectRange, revoke, isRevoked, told } = overflowing();
    expectRange(1, 3);
    for (let n = 1; n <= 5; n += 1) revoke(n);
    expect(view.facts()).toMatchObject({ held: { sid: 3 }, accepted: 3 });
    expect([isRevoked('s3'), isRevoked('s4')]).toEqual([true, false]);
    expect([view.fault(), told]).toEqual(['too_many', ['too many']]);
    revoke(3);
    expect(view.facts()).toMatchObject({ held: { sid: 3 }, accepted: 3 });
  });

  test('a statement from before what was not taken in does not end it', () => {
    const { view, expectRange, revoke } = overflowing();
    for (let n = 1; n <= 4; n += 1) revoke(n);
    expectRange(2, 3);
    expect(view.fault()).toBe('too_many');
    expectRange(2, 4);
    expect([view.fault(), view.missing()]).toEqual(['incomplete', [4]]);
  });

  test('once enough have expired: the others are fetched, and then tokens are judged again', () => {
    const { view, expectRange, revoke, told } = overflowing();
    for (let n = 1; n <= 3; n += 1) revoke(n);
    expectRange(1, 5);
    revoke(4);
    expectRange(3, 5);
    expect([view.fault(), view.missing()]).toEqual(['incomplete', [4, 5]]);
    for (const n of [4, 5]) revoke(n);
    expect(view.fault()).toBeUndefined();
    expectRange(1, 9);
    expect(told).toEqual(['too many', 'too many']);
  });
});
