import { describe, expect, test } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { MAX_REVOCATION_BYTES, readAnchor } from '#statements';
import { createTestIssuer } from '#testing';
import type { Refusal } from './refusals.js';
import { RevocationFeed } from './revocation-feed.js';
import { RevocationView } from './revocations.js';
import { SLICE } from './slices.js';

type Deliver = (error: Error | null, message: unknown) => void;
const messageOf = (jws: string) => ({ data: Buffer.from(jws), string: () => jws, headers: undefined });

function setUp() {
  const issuer = createTestIssuer();
  const view = new RevocationView({ issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor) });
  const log: (string | Refusal)[] = [];
  const asked: string[] = [];
  const nats = {
    stored: new Map<string, string>(),
    isAway: false,
    /** Subjects whose requests fail while the others are answered. */
    failing: new Set<string>(),
    fault: () => 'timeout',
    deliver: undefined as Deliver | undefined,
  };
  const connection = {
    subscribe(subject: string, { callback }: { callback: Deliver }) {
      expect(subject).toBe('trust.revocation.>');
      nats.deliver = callback;
      return { unsubscribe: () => (nats.deliver = undefined) };
    },
    async request(subject: string, body: string) {
      expect(subject).toBe('$JS.API.DIRECT.GET.REVOCATIONS');
      const { last_by_subj: wanted } = JSON.parse(body) as { last_by_subj: string };
      asked.push(wanted);
      if (nats.isAway || nats.failing.has(wanted)) throw new Error(nats.fault());
      const jws = nats.stored.get(wanted);
      return jws === undefined ? { ...messageOf(''), headers: { code: 404 } } : messageOf(jws);
    },
  };
  const feed = new RevocationFeed(
    view,
    (line) => log.push(line),
    () => 0,
  );
  feed.attach(connection as unknown as NatsConnection);
  const store = (n: number) =>
    nats.stored.set(`trust.revocation.${n}`, issuer.revocation(n, { sid: `s${n}` }));
  const tell = (to: number, from = 1) => view.expect({ from, to, iat: 1 }, { pushed: true });
  return { issuer, view, feed, nats, store, tell, asked, log };
}

const settle = async () => {
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('live', () => {
  test('hands what it hears to the view, and tells of what was refused', () => {
    const { issuer, view, nats, log } = setUp();
    nats.deliver!(null, messageOf(issuer.revocation(1)));
    nats.deliver!(null, messageOf('junk'));
    nats.deliver!(null, messageOf('x'.repeat(MAX_REVOCATION_BYTES + 1)));
    expect(view.facts()).toMatchObject({ accepted: 1, refused: { malformed: 1, too_large: 1 } });
    const event = 'revocation.refused';
    expect(log).toEqual([
      { event, channel: 'nats', reason: 'malformed', count: 1 },
      { event, channel: 'nats', reason: 'too_large', count: 1 },
    ]);
  });

  test('a fault of the subscription is logged', () => {
    const { nats, log } = setUp();
    nats.deliver!(new Error('permissions violation'), undefined);
    expect(log).toEqual(['revocations cannot be received over NATS: permissions violation']);
  });

  test('stop ends it', async () => {
    const { feed, nats } = setUp();
    await feed.stop();
    expect(nats.deliver).toBeUndefined();
  });
});

describe('what is missing', () => {
  test('is asked for when it was missing a tick before, by its number', async () => {
    const { view, feed, store, tell, asked } = setUp();
    for (const n of [1, 2]) store(n);
    tell(2);
    feed.tick();
    await settle();
    expect(asked).toEqual([]);
    feed.tick();
    await settle();
    expect(asked).toEqual(['trust.revocation.1', 'trust.revocation.2']);
    expect(view.missing()).toEqual([]);
    feed.tick();
    feed.tick();
    expect(asked).toHaveLength(2);
  });

  test('is not asked for when it arrived in between', async () => {
    const { issuer, feed, nats, tell, asked } = setUp();
    tell(1);
    feed.tick();
    nats.deliver!(null, messageOf(issuer.revocation(1)));
    feed.tick();
    await settle();
    expect(asked).toEqual([]);
  });

  test('is asked for again as long as NATS does not have it, and no more often than that', async () => {
    const { view, feed, store, tell, asked, log } = setUp();
    tell(1);
    await feed.repair();
    expect(asked).toHaveLength(1);
    expect(view.missing()).toEqual([1]);
    store(1);
    feed.tick();
    feed.tick();
    await settle();
    expect(view.missing()).toEqual([]);
    expect(log).toEqual([]);
  });

  test('comes in batches, however many there are', async () => {
    const { view, feed, store, tell, asked } = setUp();
    for (let n = 1; n <= 600; n += 1) store(n);
    tell(600);
    await feed.repair();
    expect(view.facts()).toMatchObject({ missing: 0, accepted: 600 });
    expect(asked).toHaveLength(600);
  });

  test('is verified in slices, between which the process does other work', async () => {
    const { view, feed, store, tell } = setUp();
    for (let n = 1; n <= 256; n += 1) store(n);
    tell(256);
    const steps: number[] = [];
    let before = 0;
    const watch = () => {
      const { accepted } = view.facts();
      steps.push(accepted - before);
      before = accepted;
      if (accepted < 256) setImmediate(watch);
    };
    setImmediate(watch);
    await feed.repair();
    expect(view.facts().accepted).toBe(256);
    expect(steps.length).toBeGreaterThanOrEqual(256 / SLICE - 1);
    expect(Math.max(...steps)).toBe(SLICE);
  });

  test('does not wait for what NATS does not have', async () => {
    const { view, feed, store, tell, asked } = setUp();
    for (let n = 1; n <= 600; n += 1) if (n !== 3) store(n);
    tell(600);
    await feed.repair();
    expect(view.missing()).toEqual([3]);
    expect(asked).toHaveLength(600);
  });

  test('keeps a process that starts from judging, until the look ahead has ended', async () => {
    const { view, feed, store, tell } = setUp();
    view.requireComplete();
    for (const n of [1, 2]) store(n);
    tell(1);
    await feed.repair();
    expect(view.missing()).toEqual([]);
    expect(view.fault()).toBe('incomplete');
    await feed.catchUp();
    expect(view.highestKnown).toBe(2);
    expect(view.fault()).toBeUndefined();
  });

  test('is held although another request of its batch failed', async () => {
    const { view, feed, nats, store, tell, log } = setUp();
    for (let n = 1; n <= 32; n += 1) store(n);
    nats.failing.add('trust.revocation.7');
    tell(32);
    await feed.repair();
    expect(view.missing()).toEqual([7]);
    expect(log).toEqual(['missing revocations cannot be fetched: timeout']);
    nats.failing.clear();
    await feed.repair();
    expect(view.facts()).toMatchObject({ missing: 0, accepted: 32 });
  });

  test('may be newer than the last statement: a verifier that was not listening looks ahead', async () => {
    const { view, feed, store, tell, asked } = setUp();
    // The highest is stored first. This can happen while several are stored at once.
    for (const n of [1, 2, 18, 19, 40]) store(n);
    tell(1);
    await feed.catchUp();
    expect(view.facts()).toMatchObject({ missing: 0, accepted: 4 });
    expect(view.highestKnown).toBe(19);
    expect(asked).toHaveLength(1 + 4 * 16);
  });

  test('that cannot be asked for is told once, although NATS names another subject for the reply each time', async () => {
    const { feed, nats, tell, log } = setUp();
    let replies = 0;
    nats.fault = () => `Permissions Violation for Subscription to "_INBOX_orders.R${(replies += 1)}.*"`;
    nats.isAway = true;
    tell(1);
    await feed.repair();
    await feed.repair();
    expect(replies).toBe(2);
    const fault = 'Permissions Violation for Subscription to "_INBOX_orders.>"';
    expect(log).toEqual([`missing revocations cannot be fetched: ${fault}`]);
  });

  test('that cannot be asked for is told once, until it could', async () => {
    const { feed, nats, store, tell, log } = setUp();
    nats.isAway = true;
    tell(1);
    await feed.repair();
    await feed.repair();
    expect(log).toEqual(['missing revocations cannot be fetched: timeout']);
    nats.isAway = false;
    store(1);
    await feed.repair();
    nats.isAway = true;
    tell(2);
    await feed.repair();
    expect(log).toHaveLength(2);
  });
});
