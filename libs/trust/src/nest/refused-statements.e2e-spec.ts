/**
 * Statements that must be refused. Somebody who has auth's account at a real NATS server, but no anchor, sends them.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { KEYSET_SUBJECT } from '#statements';
import {
  createTestIssuer,
  createTestKey,
  eventually,
  published,
  startTestNats,
  type TestIssuer,
  type TestNats,
} from '#testing';
import { TrustModule } from './index.js';

let nats: TestNats;
let auth: NatsConnection;
let orders: NatsConnection;
let app: INestApplication;
let url: string;
let issuer: TestIssuer;

interface Trust {
  epoch: number;
  keys: { kid: string }[];
  statements: { accepted: Record<string, number>; refused: Record<string, number> };
}
const trust = async () => (await (await fetch(`${url}/trust`)).json()) as Trust;

async function connected(service: string): Promise<NatsConnection> {
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(nats.nkeySeed(service)));
  return connect({ servers: nats.url, authenticator, inboxPrefix: `_INBOX_${service}` });
}

/** The lines of the application's logger at level info. */
const told: unknown[] = [];

beforeAll(async () => {
  nats = await startTestNats();
  [auth, orders] = await Promise.all([connected('auth'), connected('orders')]);
  issuer = createTestIssuer();
  const module = await Test.createTestingModule({
    imports: [
      TrustModule.forRoot({
        issuer: issuer.issuer,
        audience: 'orders',
        anchors: [...issuer.anchors],
        issuerFetchUrl: 'http://127.0.0.1:1',
        nats: { connection: Promise.resolve(orders), service: 'orders', instance: 'one' },
      }),
    ],
  }).compile();
  app = module.createNestApplication(new FastifyAdapter(), {
    logger: { log: (message) => told.push(message), warn: () => undefined, error: () => undefined },
  });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
}, 30_000);
afterAll(async () => {
  await app?.close();
  await Promise.all([auth?.close(), orders?.close()]);
  await nats?.close();
});

beforeEach(async () => {
  const { epoch } = await trust();
  auth.publish(KEYSET_SUBJECT, issuer.statement({ epoch: (epoch ?? 0) + 10 }));
  await eventually(async () => (await trust()).epoch === (epoch ?? 0) + 10);
});

const now = () => Math.floor(Date.now() / 1000);
const stranger = createTestKey();

test.each<[string, string, () => string]>([
  ['nothing', 'malformed', () => ''],
  ['text', 'malformed', () => 'hello'],
  ['three empty parts', 'malformed', () => '..'],
  [
    'a forgery under the name of the anchor',
    'bad_signature',
    () => issuer.statement({ epoch: 1e6 }, { signWith: { ...stranger, kid: issuer.anchor.kid } }),
  ],
  [
    'a statement of a stranger',
    'unknown_anchor',
    () => issuer.statement({ epoch: 1e6 }, { signWith: stranger }),
  ],
  [
    'one that a signing key signed',
    'unknown_anchor',
    () => issuer.statement({ epoch: 1e6 }, { signWith: issuer.key }),
  ],
  [
    'one without an algorithm',
    'bad_signature',
    () => issuer.statement({ epoch: 1e6 }, { header: { alg: 'none' } }),
  ],
  [
    'one of another issuer',
    'wrong_issuer',
    () => issuer.statement({ epoch: 1e6, iss: 'https://other.test' }),
  ],
  [
    'an access token that the anchor signed',
    'wrong_typ',
    () => issuer.token({}, { signWith: issuer.anchor }),
  ],
  [
    'a revocation in its place',
    'wrong_typ',
    () => issuer.statement({ epoch: 1e6 }, { header: { typ: 'secevent+jwt' } }),
  ],
  ['one without a typ', 'wrong_typ', () => issuer.statement({ epoch: 1e6 }, { header: { typ: undefined } })],
  ['one that has expired', 'expired', () => issuer.statement({ epoch: 1e6, exp: now() - 1 })],
  ['one from before: rolled back', 'old_epoch', () => issuer.statement({ epoch: 1 })],
  ['one of an epoch in text', 'invalid_payload', () => issuer.statement({ epoch: '1000000' })],
  [
    'one without the list of keys',
    'invalid_payload',
    () => issuer.statement({ epoch: 1e6, keys: undefined }),
  ],
  [
    'one of 65 keys',
    'invalid_payload',
    () =>
      issuer.statement({ epoch: 1e6, keys: Array.from({ length: 65 }, () => published(createTestKey())) }),
  ],
  [
    'one with a secret key',
    'invalid_payload',
    () =>
      issuer.statement({
        epoch: 1e6,
        keys: [{ kty: 'oct', k: 'AAAA', kid: 'x', alg: 'HS256', status: 'active' }],
      }),
  ],
  ['one that is too large', 'too_large', () => issuer.statement({ epoch: 1e6, filler: 'x'.repeat(300_000) })],
])('%s is refused, counted as %s, and changes nothing', async (_what, reason, forge) => {
  const before = await trust();
  auth.publish(KEYSET_SUBJECT, forge());
  const refusedBefore = before.statements.refused[reason] ?? 0;
  await eventually(async () => (await trust()).statements.refused[reason] === refusedBefore + 1);
  const after = await trust();
  expect({ ...after.statements.refused, [reason]: refusedBefore }).toEqual({
    ...before.statements.refused,
    [reason]: refusedBefore,
  });
  expect(after).toMatchObject({
    epoch: before.epoch,
    keys: before.keys,
    statements: { accepted: before.statements.accepted },
  });
});

test('a replay of the present one is neither news nor a fault', async () => {
  const before = await trust();
  const jws = issuer.statement({ epoch: before.epoch + 1 });
  for (let i = 0; i < 3; i += 1) auth.publish(KEYSET_SUBJECT, jws);
  auth.publish(KEYSET_SUBJECT, 'end');
  await eventually(
    async () =>
      (await trust()).statements.refused['malformed'] === (before.statements.refused['malformed'] ?? 0) + 1,
  );
  const after = await trust();
  expect(after.epoch).toBe(before.epoch + 1);
  expect(after.statements.accepted['nats']).toBe(before.statements.accepted['nats']! + 1);
  expect(after.statements.refused['old_epoch']).toBe(before.statements.refused['old_epoch']);
});

test('a service that is not auth cannot send any', async () => {
  const before = await trust();
  orders.publish(KEYSET_SUBJECT, issuer.statement({ epoch: 1e9 }));
  await orders.flush();
  auth.publish(KEYSET_SUBJECT, 'end');
  await eventually(
    async () =>
      (await trust()).statements.refused['malformed'] === (before.statements.refused['malformed'] ?? 0) + 1,
  );
  expect((await trust()).epoch).toBe(before.epoch);
});

test('each reason makes one structured line, however many statements were refused for it', async () => {
  const lines = () => told.filter((message) => (message as { event?: string }).event === 'statement.refused');
  const { refused } = (await trust()).statements;
  const reasons = Object.keys(refused).filter((reason) => reason !== 'old_epoch');
  expect(refused['malformed']).toBeGreaterThan(1);
  expect(lines()).toHaveLength(reasons.length);
  expect(lines()).toEqual(
    expect.arrayContaining(
      reasons.map((reason) => ({ event: 'statement.refused', channel: 'nats', reason, count: 1 })),
    ),
  );
});
