import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestKey, fakeClock, published } from '#testing';
import { KeyRing } from './key-ring.js';
import { createTrustEvents } from './trust-events.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function setUp() {
  const clock = fakeClock();
  const issuer = createTestIssuer({ clock: clock.now });
  const ring = new KeyRing({
    issuer: issuer.issuer,
    anchors: issuer.anchors.map(readAnchor),
    clock: clock.now,
  });
  const faults: unknown[] = [];
  const events = createTrustEvents(ring, (fault) => faults.push(fault));
  const accept = (payload = {}) => ring.accept(issuer.statement(payload), 'local');
  return { clock, issuer, ring, faults, events, accept };
}

it('onKeySet tells of keys that differ, and not of each statement', () => {
  const { issuer, events, accept } = setUp();
  const heard: unknown[] = [];
  events.onKeySet(({ epoch, keys, revoked }) =>
    heard.push([epoch, keys.map(({ kid }) => kid), revoked.length]),
  );
  const [older, newer] = [issuer.key, createTestKey()];
  const keys = [published(older)];
  accept({ keys });
  accept({ keys });
  accept({ keys: [published(newer), published(older, { status: 'retiring' })] });
  const revoked = [{ kid: older.kid, revoked_at: 1, reason: 'compromised' }];
  accept({ keys: [published(newer)], revoked });
  expect(heard).toEqual([
    [1, [older.kid], 0],
    [3, [newer.kid, older.kid], 0],
    [4, [newer.kid], 1],
  ]);
});

it('onRevocation tells of each revocation once', () => {
  const { issuer, ring, events, accept } = setUp();
  const heard: unknown[] = [];
  events.onRevocation((revoked) => heard.push(revoked));
  accept({ revocations: { from: 1, to: 2 } });
  const first = issuer.revocation(1, { sid: 'session-1' });
  ring.revocations.add(first);
  ring.revocations.add(first);
  ring.revocations.add(issuer.revocation(2, { client_id: 'orders' }));
  ring.revocations.add('forged');
  expect(heard).toEqual([
    { kind: 'sid', value: 'session-1' },
    { kind: 'client_id', value: 'orders' },
  ]);
});

it('onFreshness tells of each change, also if nothing arrives', () => {
  const { clock, events, accept } = setUp();
  const heard: string[] = [];
  events.onFreshness((freshness) => heard.push(freshness));
  const pass = (seconds: number) => {
    clock.advance(seconds * 1000);
    jest.advanceTimersByTime(1_000);
  };
  accept();
  pass(10);
  pass(10);
  pass(900);
  accept();
  expect(heard).toEqual(['confirmed', 'unconfirmed', 'stale', 'confirmed']);
  events.stop();
  pass(20);
  expect(heard).toHaveLength(4);
});

it('a listener that throws disturbs nobody, and one that has left hears nothing', () => {
  const { ring, faults, events, accept } = setUp();
  const heard: unknown[] = [];
  const fault = new Error('a fault of the program');
  events.onKeySet(() => {
    throw fault;
  });
  const leave = events.onKeySet(({ epoch }) => heard.push(epoch));
  expect(accept()).toBeUndefined();
  leave();
  accept({ keys: [] });
  expect([heard, faults, ring.facts().epoch]).toEqual([[1], [fault, fault], 2]);
});

it('a listener that rejects is logged', async () => {
  const { faults, events, accept } = setUp();
  const fault = new Error('a fault of the program');
  events.onKeySet(() => Promise.reject(fault) as never);
  accept();
  await Promise.resolve();
  expect(faults).toEqual([fault]);
});

it('a listener that is added by another one hears the next change', () => {
  const { events, accept } = setUp();
  const heard: unknown[] = [];
  const again = () => {
    leave();
    leave = events.onKeySet(again);
    heard.push(1);
  };
  let leave = events.onKeySet(again);
  accept();
  expect(heard).toHaveLength(1);
  accept({ keys: [] });
  expect(heard).toHaveLength(2);
});

it('a listener cannot change what the ring says', () => {
  const { ring, events, accept } = setUp();
  events.onKeySet(
    ({ revoked }) => void revoked.push({ kid: 'another', revoked_at: 1, reason: 'compromised' }),
  );
  accept();
  expect(ring.facts().revoked).toEqual([]);
});
