/** The publisher on a real nats-server, under the permissions that production gives to auth. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { KEYSET_DIRECT_GET, KEYSET_SUBJECT } from '#statements';
import { eventually, startTestNats, type TestNats } from '#testing';
import type { IssuedStatement } from '../key-set/newest-statement.js';
import { StatementPublisher } from './statement-publisher.js';

let nats: TestNats;
let connections: [NatsConnection, NatsConnection];
let log: string[];
let lastEpoch = 0;

const statement = (epoch: number): IssuedStatement => ({ epoch, jws: `ours ${epoch}`, keys: [] });
const epochOf = (jws: string) => (jws.startsWith('ours ') ? Number(jws.slice(5)) : undefined);
const stored = async () => (await connections[0].request(KEYSET_DIRECT_GET, '', { timeout: 2_000 })).string();
const publisher = (connection: NatsConnection) =>
  new StatementPublisher(connection, epochOf, (message) => void log.push(message));

beforeAll(async () => {
  nats = await startTestNats();
  const open = () =>
    connect({
      servers: nats.url,
      authenticator: nkeyAuthenticator(new TextEncoder().encode(nats.nkeySeed('auth'))),
      inboxPrefix: '_INBOX_auth',
      reconnectTimeWait: 100,
      maxReconnectAttempts: -1,
    });
  connections = [await open(), await open()];
});
beforeEach(() => {
  log = [];
  lastEpoch += 100;
});
afterAll(async () => {
  await Promise.all((connections ?? []).map((connection) => connection.close()));
  await nats?.close();
});

describe('a late publisher', () => {
  it('does not put an older statement last', async () => {
    await publisher(connections[0]).offer(statement(lastEpoch));
    await publisher(connections[1]).offer(statement(lastEpoch - 1));
    expect(await stored()).toBe(`ours ${lastEpoch}`);
  });

  it('not even one that had looked before the newer came', async () => {
    const [quick, late] = connections.map(publisher) as [StatementPublisher, StatementPublisher];
    await late.offer(statement(lastEpoch));
    await quick.offer(statement(lastEpoch + 2));
    await late.offer(statement(lastEpoch + 1));
    expect(await stored()).toBe(`ours ${lastEpoch + 2}`);
    expect(log).toEqual([]);
  });

  it('the newest is last, also if it loses the race', async () => {
    const racers = connections.map(publisher);
    for (let round = 0; round < 15; round += 1) {
      const epochs = [2 * round, 2 * round + 1].map((n) => lastEpoch + n);
      if (round % 2) epochs.reverse();
      await Promise.all(racers.map((racer, i) => racer.offer(statement(epochs[i]!))));
      expect(await stored()).toBe(`ours ${Math.max(...epochs)}`);
    }
    expect(log).toEqual([]);
  });

  it('publishes the newest of what it is offered at once, and nothing after it', async () => {
    const subject = publisher(connections[0]);
    await Promise.all([3, 9, 1, 7].map((n) => subject.offer(statement(lastEpoch + n))));
    expect(await stored()).toBe(`ours ${lastEpoch + 9}`);
  });
});

it('goes on where the storage was lost, even if its sequence comes to stand where it stood', async () => {
  const [first, second] = connections.map(publisher) as [StatementPublisher, StatementPublisher];
  await first.offer(statement(lastEpoch));
  await nats.wipe();
  first.forget();
  await eventually(async () => {
    await second.offer(statement(lastEpoch + 2));
    return (await stored()) === `ours ${lastEpoch + 2}`;
  });
  await first.offer(statement(lastEpoch + 1));
  expect(await stored()).toBe(`ours ${lastEpoch + 2}`);
}, 20_000);

it.each(['a statement of another installation', 'x.y.z', ''])(
  'replaces what is not ours: %j',
  async (foreign) => {
    const subject = publisher(connections[0]);
    await subject.stored();
    await jetstream(connections[0]).publish(KEYSET_SUBJECT, foreign);
    await subject.offer(statement(1));
    expect(await stored()).toBe('ours 1');
    expect(log).toEqual([]);
  },
);

it('keeps a newer statement that is offered during the last failing attempt for an older one', async () => {
  let attempts = 0;
  const failsFourTimes = new Proxy(connections[0], {
    get(target, name) {
      if (name === 'request' && attempts < 4) {
        attempts += 1;
        if (attempts === 4) void subject.offer(statement(lastEpoch + 1));
        return () => Promise.reject(new Error('cut'));
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const subject = publisher(failsFourTimes);
  await subject.offer(statement(lastEpoch));
  expect(log).toEqual([expect.stringContaining(`epoch ${lastEpoch} could not be stored`)]);
  expect(await stored()).toBe(`ours ${lastEpoch + 1}`);
});

it('says so when it cannot, once a statement, and never rejects', async () => {
  await nats.stop();
  const subject = new StatementPublisher(connections[0], epochOf, (message) => void log.push(message));
  await subject.offer(statement(lastEpoch));
  expect(log).toEqual([expect.stringContaining(`epoch ${lastEpoch} could not be stored`)]);
  await nats.start();
}, 20_000);
