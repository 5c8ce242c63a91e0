/** Runs the feed on a real nats-server, with the permissions of auth and of a service in production. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { KEYSET_STREAM, KEYSET_SUBJECT, readAnchor } from '#statements';
import { createTestIssuer, eventually, startTestNats, type TestNats } from '#testing';
import { KeyRing } from './key-ring.js';
import { StatementFeed } from './statement-feed.js';

let nats: TestNats;
const connections: NatsConnection[] = [];
const feeds: StatementFeed[] = [];

beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(async () => {
  await Promise.all(feeds.map((feed) => feed.stop()));
  await Promise.all(connections.map((connection) => connection.close()));
  await nats?.close();
});

async function connected(service: string): Promise<NatsConnection> {
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(nats.nkeySeed(service)));
  const connection = await connect({
    servers: nats.url,
    authenticator,
    inboxPrefix: `_INBOX_${service}`,
    reconnectTimeWait: 100,
  });
  connections.push(connection);
  return connection;
}

async function createStream(auth: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(auth, { checkAPI: false });
  await manager.streams.add({
    ...{ name: KEYSET_STREAM, subjects: [KEYSET_SUBJECT], max_msgs_per_subject: 1 },
    ...{ allow_direct: true, deny_delete: true, deny_purge: true },
  });
}

test('boots from the stream, follows live, acknowledges, and catches up after the server was away', async () => {
  const issuer = createTestIssuer();
  const ring = new KeyRing({ issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor) });
  const auth = await connected('auth');
  await createStream(auth);
  const acks: { subject: string; epoch: number }[] = [];
  auth.subscribe('trust.ack.>', {
    callback: (_error, message) => {
      acks.push({ subject: message.subject, epoch: message.json<{ epoch: number }>().epoch });
    },
  });
  await auth.flush();

  await auth.request(KEYSET_SUBJECT, issuer.statement({ epoch: 1 }));
  const feed = new StatementFeed({
    ring,
    fetchUrl: 'http://auth.test',
    fetch: () => Promise.reject(new Error('no HTTP here')),
    nats: { connection: connected('orders'), service: 'orders', instance: 'a1' },
  });
  feeds.push(feed);
  feed.start();
  await eventually(() => ring.facts().epoch === 1);

  await auth.request(KEYSET_SUBJECT, issuer.statement({ epoch: 2 }));
  await eventually(() => ring.facts().epoch === 2);
  await eventually(() => acks.some(({ subject, epoch }) => subject === 'trust.ack.orders.a1' && epoch === 2));

  await nats.stop();
  await nats.start();
  await eventually(
    async () => auth.request(KEYSET_SUBJECT, issuer.statement({ epoch: 3 }), { timeout: 500 }),
    { timeoutMs: 10_000 },
  );
  await eventually(() => ring.facts().epoch === 3, { timeoutMs: 10_000 });
  expect(ring.facts().statements.refused).toEqual({});
});
