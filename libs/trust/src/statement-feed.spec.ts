import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { MAX_STATEMENT_BYTES, readAnchor } from '#statements';
import { createTestIssuer, fakeClock, published } from '#testing';
import { KeyRing } from './key-ring.js';
import type { Refusal } from './refusals.js';
import { StatementFeed, type StatementFeedOptions } from './statement-feed.js';

const feeds: StatementFeed[] = [];
// Only the timers of the feed are moved by the test; everything else runs normally.
beforeEach(() => {
  const all = ['Date', 'hrtime', 'nextTick', 'queueMicrotask', 'setImmediate', 'clearImmediate'] as const;
  jest.useFakeTimers({ doNotFake: [...all] });
});
afterEach(async () => {
  await Promise.all(feeds.splice(0).map((feed) => feed.stop()));
  jest.useRealTimers();
});

type Answer = () => Response | Promise<Response>;
const answerOf =
  (text: string, init?: ResponseInit): Answer =>
  () =>
    new Response(text, init);
const away: Answer = () =>
  Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }));

function setUp(options: Partial<StatementFeedOptions> = {}) {
  const clock = fakeClock();
  const issuer = createTestIssuer({ clock: clock.now });
  const ring = new KeyRing({
    issuer: issuer.issuer,
    anchors: issuer.anchors.map(readAnchor),
    clock: clock.now,
  });
  const http = { answer: away, asked: [] as { at: number; url: string; redirect: unknown }[] };
  const fetch = ((url: string, init: RequestInit) => {
    http.asked.push({ at: clock.now(), url, redirect: init.redirect });
    return Promise.resolve().then(http.answer);
  }) as typeof globalThis.fetch;
  const log: (string | Refusal)[] = [];
  const feed = new StatementFeed({
    ...{
      ring,
      fetchUrl: 'http://auth.test',
      fetch,
      clock: clock.now,
      log: (line: string | Refusal) => log.push(line),
    },
    ...options,
  });
  feeds.push(feed);
  /** Lets seconds pass. Each one is a tick. */
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i += 1) {
      clock.advance(1_000);
      jest.advanceTimersByTime(1_000);
      await settle();
    }
  };
  /** Requests a fetch, and lets the shortest time between two fetches pass. */
  const ask = async () => {
    const asked = feed.fetchNewest();
    await pass(1);
    return asked;
  };
  return { clock, issuer, ring, http, log, feed, pass, ask };
}

/** More turns of the event loop than anything here takes. */
const settle = async () => {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** The part of a NATS connection that the feed uses. */
function fakeNats() {
  const calls: string[] = [];
  const published: { subject: string; data: unknown }[] = [];
  type Deliver = (error: Error | null, message: unknown) => void;
  const deliver = new Map<string, Deliver>();
  let tell: (status: { type: string }) => void = () => undefined;
  const nats = {
    calls,
    published,
    last: undefined as string | undefined,
    closed: false,
    draining: false,
    message: (jws: string, subject = 'trust.keyset') => deliver.get(subject)!(null, messageOf(jws)),
    fault: (error: Error) => deliver.get('trust.keyset')!(error, undefined),
    reconnect: () => tell({ type: 'reconnect' }),
    disconnect: () => tell({ type: 'disconnect' }),
    connection: {
      subscribe(subject: string, { callback }: { callback: Deliver }) {
        calls.push(`subscribe ${subject}`);
        deliver.set(subject, callback);
        return { unsubscribe: () => calls.push('unsubscribe') };
      },
      async flush() {
        calls.push('flush');
      },
      async request(subject: string) {
        calls.push(`request ${subject}`);
        if (nats.last === undefined || !subject.endsWith('trust.keyset'))
          return { ...messageOf(''), headers: { code: 404 } };
        return messageOf(nats.last);
      },
      async *status() {
        for (;;) yield await new Promise<{ type: string }>((resolve) => (tell = resolve));
      },
      isClosed: () => nats.closed,
      isDraining: () => nats.draining,
      publish(subject: string, data: string) {
        if (nats.closed || nats.draining) throw new Error('connection draining');
        published.push({ subject, data: JSON.parse(data) });
      },
    },
  };
  const feed = {
    connection: Promise.resolve(nats.connection as unknown as NatsConnection),
    service: 'orders',
    instance: 'a1',
  };
  return { nats, feed };
}

const messageOf = (jws: string) => ({ data: Buffer.from(jws), string: () => jws, headers: undefined });

describe('at boot', () => {
  test('subscribes, flushes, then asks for the last statement and for revocations, and asks HTTP as well', async () => {
    const { nats, feed: natsFeed } = fakeNats();
    const { feed, http } = setUp({ nats: natsFeed });
    feed.start();
    await settle();
    expect([...new Set(nats.calls)]).toEqual([
      'subscribe trust.revocation.>',
      'subscribe trust.keyset',
      'flush',
      'request $JS.API.DIRECT.GET.TRUST.trust.keyset',
      'request $JS.API.DIRECT.GET.REVOCATIONS',
    ]);
    expect(http.asked).toMatchObject([{ url: 'http://auth.test/.well-known/keyset', redirect: 'error' }]);
  });

  test.each([
    ['NATS', 2, 1],
    ['HTTP', 1, 2],
  ])('the higher epoch wins, here of %s', async (_name, overNats, overHttp) => {
    const { nats, feed: natsFeed } = fakeNats();
    const { feed, http, issuer, ring } = setUp({ nats: natsFeed });
    nats.last = issuer.statement({ epoch: overNats });
    http.answer = answerOf(issuer.statement({ epoch: overHttp }));
    feed.start();
    await settle();
    expect(ring.facts().epoch).toBe(2);
  });

  test('an empty stream is no statement, and no fault', async () => {
    const { feed: natsFeed } = fakeNats();
    const { feed, http, issuer, ring, log } = setUp({ nats: natsFeed });
    http.answer = answerOf(issuer.statement());
    feed.start();
    await settle();
    expect(ring.facts().statements).toMatchObject({ accepted: { http: 1, nats: 0 }, refused: {} });
    expect(log).toEqual([]);
  });

  test('either alone will do: NATS', async () => {
    const { nats, feed: natsFeed } = fakeNats();
    const { feed, issuer, ring, log } = setUp({ nats: natsFeed });
    nats.last = issuer.statement();
    feed.start();
    await settle();
    expect(ring.freshness()).toBe('confirmed');
    expect(log).toEqual(['the issuer cannot be reached over HTTP: fetch failed (connect ECONNREFUSED)']);
  });

  test('either alone will do: HTTP, though NATS is never reached', async () => {
    const { feed, http, issuer, ring, log } = setUp({
      nats: { connection: Promise.reject(new Error('no route')), service: 'orders', instance: 'a1' },
    });
    http.answer = answerOf(issuer.statement());
    feed.start();
    await settle();
    expect(ring.freshness()).toBe('confirmed');
    expect(log).toContain('statements cannot be received over NATS: no route');
  });
});

describe('at boot, the revocation view', () => {
  const range = { from: 1, to: 1 };
  const nowhere = new Promise<NatsConnection>(() => undefined);
  const unreached = { connection: nowhere, service: 'orders', instance: 'a1' };

  test('must be complete where there is NATS', async () => {
    const { nats, feed: natsFeed } = fakeNats();
    const { feed, issuer, ring } = setUp({ nats: natsFeed });
    nats.last = issuer.statement({ revocations: range });
    feed.start();
    expect(ring.revocations.fault()).toBe('incomplete');
    await settle();
    expect(ring.revocations.fault()).toBe('incomplete');
    nats.message(issuer.revocation(1), 'trust.revocation.>');
    expect(ring.revocations.fault()).toBeUndefined();
  });

  test('need not be complete where nobody brings revocations', () => {
    const { feed, ring } = setUp();
    feed.start();
    expect(ring.revocations.fault()).toBeUndefined();
  });

  test.each([
    ['the first attempt failed', { ...unreached, firstAttempt: Promise.resolve(false) }, undefined],
    [
      'the first attempt is under way',
      { ...unreached, firstAttempt: new Promise<never>(() => undefined) },
      'incomplete',
    ],
    ['nobody tells of attempts', unreached, 'incomplete'],
    ['there will be none', { ...unreached, connection: Promise.reject(new Error('no route')) }, undefined],
  ] as const)('while NATS is not reached: %s', async (_what, nats, fault) => {
    const { feed, ring, pass } = setUp({ nats });
    feed.start();
    await settle();
    expect(ring.revocations.fault()).toBe(fault);
    await pass(16);
    expect(ring.revocations.fault()).toBeUndefined();
  });

  test('need not be complete any more once the connection was lost', async () => {
    const { nats, feed: natsFeed } = fakeNats();
    const { feed, issuer, ring } = setUp({ nats: natsFeed });
    nats.last = issuer.statement({ revocations: range });
    feed.start();
    await settle();
    nats.disconnect();
    await settle();
    expect(ring.revocations.fault()).toBeUndefined();
    nats.reconnect();
    await settle();
    expect(ring.revocations.fault()).toBeUndefined();
  });
});

describe('over NATS', () => {
  async function attached() {
    const { nats, feed: natsFeed } = fakeNats();
    const parts = setUp({ nats: natsFeed });
    parts.feed.start();
    await settle();
    return { nats, ...parts };
  }

  test('each acceptance is acknowledged with what the ring then holds; a refusal is not', async () => {
    const { clock, issuer, nats } = await attached();
    nats.message(issuer.statement({ epoch: 4, keys: [published(issuer.standby)] }));
    nats.message(issuer.statement({ epoch: 3 }));
    nats.message('junk');
    expect(nats.published).toEqual([
      {
        subject: 'trust.ack.orders.a1',
        data: { epoch: 4, kids: [issuer.standby.kid], pins: [issuer.anchor.kid], at: clock.now() },
      },
    ]);
  });

  test('what came over HTTP is acknowledged there too', async () => {
    const { ask, http, issuer, nats } = await attached();
    http.answer = answerOf(issuer.statement({ epoch: 9 }));
    await ask();
    expect(nats.published).toMatchObject([{ data: { epoch: 9 } }]);
  });

  test('what was held before NATS was reached is acknowledged once it is', async () => {
    const { nats, feed: natsFeed } = fakeNats();
    const { feed, issuer, ring } = setUp({ nats: natsFeed });
    nats.last = issuer.statement({ epoch: 7 });
    ring.accept(nats.last, 'file');
    feed.start();
    await settle();
    expect(nats.published).toMatchObject([{ subject: 'trust.ack.orders.a1', data: { epoch: 7 } }]);
  });

  test('a feed that stops says goodbye once, and acknowledges nothing after it', async () => {
    const { clock, feed, issuer, nats, ring } = await attached();
    nats.message(issuer.statement({ epoch: 4 }));
    await feed.stop();
    await feed.stop();
    ring.accept(issuer.statement({ epoch: 5 }), 'local');
    expect(ring.facts().epoch).toBe(5);
    expect(nats.published.slice(1)).toEqual([
      { subject: 'trust.ack.orders.a1', data: { goodbye: true, at: clock.now() } },
    ]);
  });

  test.each(['closed', 'draining'] as const)(
    'a connection that is %s keeps no statement from being taken over, and no feed from stopping',
    async (state) => {
      const { feed, issuer, nats, ring } = await attached();
      nats[state] = true;
      nats.message(issuer.statement());
      expect(ring.facts()).toMatchObject({ epoch: 1, statements: { accepted: { nats: 1 } } });
      await feed.stop();
      expect(nats.published).toEqual([]);
    },
  );

  test('an old epoch is no news to log, anything else refused is', async () => {
    const { issuer, nats, ring, log } = await attached();
    nats.message(issuer.statement({ epoch: 2 }));
    log.length = 0;
    nats.message(issuer.statement({ epoch: 1 }));
    nats.message('junk');
    nats.message('x'.repeat(MAX_STATEMENT_BYTES + 1));
    expect(log).toEqual([
      { event: 'statement.refused', channel: 'nats', reason: 'malformed', count: 1 },
      { event: 'statement.refused', channel: 'nats', reason: 'too_large', count: 1 },
    ]);
    expect(ring.facts().statements.refused).toEqual({ old_epoch: 1, malformed: 1, too_large: 1 });
  });

  test('a fault of the subscription is logged', async () => {
    const { nats, log } = await attached();
    nats.fault(new Error('permissions violation'));
    expect(log).toContain('statements cannot be received over NATS: permissions violation');
  });

  test('after a reconnection the last statement is asked for again', async () => {
    const { issuer, nats, ring } = await attached();
    nats.last = issuer.statement({ epoch: 5 });
    nats.reconnect();
    await settle();
    expect(ring.facts().epoch).toBe(5);
  });

  test('stop ends the subscriptions', async () => {
    const { feed, nats } = await attached();
    await feed.stop();
    expect(nats.calls.slice(-2)).toEqual(['unsubscribe', 'unsubscribe']);
  });
});

describe('over HTTP', () => {
  test('while the ring is confirmed nobody asks; once it is not, somebody does', async () => {
    const { feed, http, issuer, pass } = setUp();
    http.answer = answerOf(issuer.statement());
    feed.start();
    await pass(15);
    expect(http.asked).toHaveLength(1);
    await pass(1);
    expect(http.asked).toHaveLength(2);
  });

  test('backs off, with jitter, to 30 s', async () => {
    const { feed, http, pass } = setUp();
    feed.start();
    await settle();
    await pass(600);
    const gaps = http.asked.slice(1).map(({ at }, i) => (at - http.asked[i]!.at) / 1_000);
    gaps.forEach((gap, i) => {
      const base = Math.min(2 ** i, 30);
      expect(gap).toBeGreaterThanOrEqual(base / 2);
      // One more tick, because polls begin on a tick.
      expect(gap).toBeLessThanOrEqual(1.5 * base + 1);
    });
    expect(gaps.length).toBeGreaterThan(12);
    expect(new Set(gaps.slice(5)).size).toBeGreaterThan(1);
  });

  test('goes on polling when the clock is set back by an hour', async () => {
    const { clock, feed, http, pass } = setUp();
    feed.start();
    await settle();
    await pass(10);
    clock.advance(-3_600_000);
    const before = http.asked.length;
    await pass(31);
    expect(http.asked.length).toBeGreaterThan(before);
  });

  test('starts anew once the ring was confirmed, however long the last pause was to be', async () => {
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.99);
    const { feed, http, issuer, ring, pass } = setUp();
    feed.start();
    await settle();
    await pass(200);
    for (const asked = http.asked.length; http.asked.length === asked;) await pass(1);
    ring.accept(issuer.statement(), 'nats');
    await pass(15);
    const before = http.asked.length;
    await pass(1);
    expect(http.asked.length - before).toBe(1);
    await pass(2);
    expect(http.asked.length - before).toBe(2);
    random.mockRestore();
  });

  test('recovers by itself from a stale ring', async () => {
    const { feed, http, issuer, ring, pass } = setUp();
    http.answer = answerOf(issuer.statement());
    feed.start();
    await settle();
    http.answer = away;
    await pass(901);
    expect(ring.freshness()).toBe('stale');
    http.answer = () => new Response(issuer.statement());
    await pass(47);
    expect(['confirmed', 'unconfirmed']).toContain(ring.freshness());
  });

  test('one request is in flight, however long, and no tick begins another', async () => {
    const { feed, http, issuer, pass } = setUp();
    let answer!: (response: Response) => void;
    http.answer = () => new Promise((resolve) => (answer = resolve));
    feed.start();
    await pass(60);
    expect(http.asked).toHaveLength(1);
    answer(new Response(issuer.statement()));
    await pass(1);
    expect(http.asked).toHaveLength(1);
  });

  test('who asks while one is under way gets one that begins later, shared by all who ask', async () => {
    const { feed, http, issuer, pass, ring } = setUp();
    const answers: ((response: Response) => void)[] = [];
    http.answer = () => new Promise((resolve) => answers.push(resolve));
    const first = feed.fetchNewest();
    await settle();
    const later = [feed.fetchNewest(), feed.fetchNewest()];
    const earlier = issuer.statement();
    const now = issuer.statement();
    answers[0]!(new Response(earlier));
    expect(await first).toBe(true);
    await pass(1);
    expect(http.asked).toHaveLength(2);
    answers[1]!(new Response(now));
    expect(await Promise.all(later)).toEqual([true, true]);
    expect(ring.facts().epoch).toBe(2);
  });

  test('a flood of questions costs one request a second', async () => {
    const { feed, http, issuer, pass } = setUp();
    http.answer = () => new Response(issuer.statement());
    feed.start();
    for (let second = 1; second <= 10; second += 1) {
      for (let i = 0; i < 1_000; i += 1) void feed.fetchNewest();
      await pass(1);
      expect(http.asked.length).toBeLessThanOrEqual(second + 1);
    }
    expect(http.asked.length).toBeGreaterThan(8);
  });

  test.each<[string, boolean, (newest: string, older: string) => Response]>([
    ['the statement that is held already', true, (newest) => new Response(newest)],
    ['a statement from before that', false, (_newest, older) => new Response(older)],
    ['what the anchor did not sign', false, () => new Response('junk')],
    ['a fault', false, (newest) => new Response(newest, { status: 502 })],
    [
      'a replica that could look a moment ago',
      true,
      (newest) => new Response(newest, { headers: { age: '0' } }),
    ],
    [
      'a replica or a cache that has not looked',
      false,
      (newest) => new Response(newest, { headers: { age: '3' } }),
    ],
    ['an Age that is none', false, (newest) => new Response(newest, { headers: { age: 'old' } })],
  ])('%s as the answer: the ring holds the newest is %p', async (_what, isNewest, answer) => {
    const { feed, http, issuer, ring } = setUp();
    const [older, newest] = [issuer.statement(), issuer.statement()];
    ring.accept(newest, 'nats');
    http.answer = () => answer(newest, older);
    expect(await feed.fetchNewest()).toBe(isNewest);
  });

  test.each<[string, Answer, RegExp, object]>([
    ['a status that is not 200', answerOf('no', { status: 500 }), /status 500/, {}],
    [
      'an answer that is too large',
      answerOf('x'.repeat(MAX_STATEMENT_BYTES + 1)),
      /more than 262144 bytes/,
      { too_large: 1 },
    ],
    ['an answer that never ends', () => new Response(endless()), /more than 262144 bytes/, { too_large: 1 }],
  ])('%s is a fault, and changes nothing', async (_what, answer, message, refused) => {
    const { feed, http, ring, log } = setUp();
    http.answer = answer;
    await feed.fetchNewest();
    expect(log).toEqual([expect.stringMatching(message)]);
    expect(ring.facts().freshness).toBe('empty');
    expect(ring.facts().statements.refused).toEqual(refused);
  });

  test('the same fault is told once', async () => {
    const { ask, http, issuer, log } = setUp();
    await ask();
    await ask();
    http.answer = answerOf(issuer.statement());
    await ask();
    expect(log).toEqual([
      expect.stringContaining('cannot be reached'),
      'the issuer can be reached over HTTP',
    ]);
  });

  test.each([
    ['http://auth.test/', 'http://auth.test/.well-known/keyset'],
    ['https://auth.test/tenant', 'https://auth.test/tenant/.well-known/keyset'],
    ['https://auth.test/tenant/', 'https://auth.test/tenant/.well-known/keyset'],
  ])('%s is asked at %s', async (fetchUrl, url) => {
    const { feed, http } = setUp({ fetchUrl });
    await feed.fetchNewest();
    expect(http.asked[0]?.url).toBe(url);
  });

  test('a redirect is not followed', async () => {
    const paths: string[] = [];
    const server = createServer((request, response) => {
      paths.push(request.url!);
      response.writeHead(302, { location: '/elsewhere' }).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const { feed, log } = setUp({ fetch: globalThis.fetch, fetchUrl: `http://127.0.0.1:${port}` });
    await feed.fetchNewest();
    server.close();
    expect(paths).toEqual(['/.well-known/keyset']);
    expect(log).toEqual([expect.stringContaining('cannot be reached over HTTP')]);
  });

  test('stop ends what is in flight and asks no more', async () => {
    let asked = 0;
    const { feed, pass, log } = setUp({
      fetch: (_url, init) => {
        asked += 1;
        return new Promise((_resolve, reject) =>
          init!.signal!.addEventListener('abort', () => reject(new Error('aborted'))),
        );
      },
    });
    feed.start();
    await settle();
    const late = feed.fetchNewest();
    await feed.stop();
    await pass(60);
    expect(await late).toBe(false);
    expect([asked, log]).toEqual([1, []]);
  });
});

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)) });
}
