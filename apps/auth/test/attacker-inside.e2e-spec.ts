/**
 * An attacker has all of orders: its client key, its NATS nkey, its database login and the tokens that it receives. Each
 * test tries what is not in the rows of orders. docs/threat-model.md names the specs that try the rest.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import pg from 'pg';
import { ackSubject, KEYSET_SUBJECT, revocationSubject } from '#statements';
import {
  createTestDatabase,
  createTestKey,
  eventually,
  signCompact,
  type PostgresLogin,
  type TestDatabase,
} from '#testing';
import { connectNats, type NatsLink } from '#trust/nats';
import { authWithVerifier } from './auth-with-verifier.js';
import { oauthError, postForm, registerClient, ASSERTION_TYPE } from './oauth-client.js';
import { specPolicy } from './spec-policy.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

const system = authWithVerifier();
let admin: string;
let orders: Awaited<ReturnType<typeof registerClient>>;
let inventory: typeof orders;
let atInventory: VerifierFixture;
/** A customer's token, as orders receives it. */
let customers: string;

beforeAll(async () => {
  admin = await system.auth.login('admin');
  orders = await registerClient(system.auth, 'orders');
  inventory = await registerClient(system.auth, 'inventory');
  customers = await system.auth.login();
  atInventory = startVerifier(system.auth.settings, system.nats, { service: 'inventory' });
  await eventually(() => atInventory.isReady());
});
afterAll(() => atInventory?.stop());

const exchanged = async (): Promise<string> => (await orders.exchange(customers)).body.access_token;

it('can do what the rows of orders say, and this proves that the credentials below are good', async () => {
  expect(atInventory.judge(await exchanged())).toMatchObject({ scope: 'inventory:reserve' });
  expect(await orders.credentials()).toMatchObject({ status: 200 });
});

describe('with the client key', () => {
  /** The claims of a good token of an administrator, and of a customer for inventory. */
  const forgeries = async () => [
    { ...decodeJwt(admin) },
    { ...decodeJwt(await exchanged()) },
    { ...decodeJwt(customers) },
  ];

  it.each<[string, string, () => string | undefined]>([
    ['of the client key', 'unknown_kid', () => orders.key.kid],
    ['of the key that signs tokens', 'bad_signature', () => decodeProtectedHeader(admin).kid],
    ['that is absent', 'unknown_kid', () => undefined],
  ])('cannot sign a token that anybody accepts, with a kid %s: %s', async (_what, fault, kid) => {
    for (const claims of await forgeries()) {
      const token = signCompact({ alg: 'ES256', typ: 'at+jwt', kid: kid() }, claims, orders.key);
      for (const verifier of [atInventory, system.orders])
        expect(verifier.judge(token, claims.aud as string)).toBe(fault);
      for (const path of ['/auth/me', '/admin/keys', '/admin/clients'])
        expect(await system.auth.send('GET', path, { token })).toMatchObject({ status: 401 });
      expect(await orders.exchange(token)).toMatchObject(oauthError('invalid_grant'));
    }
  });

  it('gets tokens for no service, in no way, that its rows do not name', async () => {
    const rows = specPolicy.permissions.filter(({ caller }) => caller === 'orders');
    for (const audience of ['orders', 'inventory', 'auth', 'web', 'audit'])
      for (const [needsUser, ask] of [
        [true, () => orders.exchange(customers, { audience })],
        [false, () => orders.credentials({ audience })],
      ] as const) {
        const isGranted = rows.some((row) => row.callee === audience && (row.needs !== null) === needsUser);
        expect([audience, needsUser, (await ask()).status]).toEqual([
          audience,
          needsUser,
          isGranted ? 200 : 400,
        ]);
      }
  });

  it('gets no scope for itself or for a customer that its rows do not name', async () => {
    const granted = specPolicy.permissions
      .filter(({ caller }) => caller === 'orders')
      .flatMap(({ grants }) => grants);
    const others = ['inventory:write', 'orders:write', 'keys:manage', 'accounts:manage', 'audit:read'];
    for (const scope of [...others, `${granted[0]} ${others[0]}`])
      for (const answer of [await orders.exchange(customers, { scope }), await orders.credentials({ scope })])
        expect(answer).toMatchObject(oauthError('invalid_scope'));
  });

  it('cannot exchange a token that was made for another service', async () => {
    for (const token of [admin, await system.auth.login('admin', 'inventory'), await exchanged()])
      expect(await orders.exchange(token)).toMatchObject(oauthError('invalid_grant'));
  });

  it('cannot act as another client, and cannot use an assertion that it has copied from one', async () => {
    const form = {
      client_assertion_type: ASSERTION_TYPE,
      grant_type: 'client_credentials',
      audience: 'inventory',
    };
    const as = (client_assertion: string, client_id?: string) =>
      postForm(system.auth, { ...form, client_assertion, client_id });
    const names = { iss: 'inventory', sub: 'inventory' };
    const [used, unused] = [inventory.assertion(), inventory.assertion()];
    // inventory may call nobody. But it was authenticated, so the assertion is used.
    expect(await as(used)).toMatchObject(oauthError('invalid_target'));
    for (const answer of [
      await as(orders.assertion(), 'inventory'),
      await as(orders.assertion({ claims: names })),
      await as(orders.assertion({ claims: names, header: { kid: inventory.key.kid } })),
      await as(orders.assertion({ claims: { ...names, iss: 'orders' } })),
      await as(used),
      await as(unused, 'orders'),
    ])
      expect(answer).toMatchObject(oauthError('invalid_client'));
    // At best it is the client that made the assertion: it gets no more than that one, and only once.
    expect(await as(unused)).toMatchObject(oauthError('invalid_target'));
    expect(await as(unused)).toMatchObject(oauthError('invalid_client'));
  });

  it('opens no closed route of auth with the tokens that it gets', async () => {
    const { body: document } = await system.auth.send('GET', '/docs/json');
    const closed = Object.entries(document.paths as Record<string, Record<string, { security: object[] }>>)
      .filter(([path]) => /^\/(auth|admin)\//.test(path))
      .flatMap(([path, operations]) =>
        Object.entries(operations)
          .filter(([, { security }]) => security.length > 0)
          .map(([method]) => [method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'x')] as const),
      );
    expect(closed).toEqual(expect.arrayContaining([['POST', '/admin/clients/x/disable']]));
    expect(closed.length).toBeGreaterThan(15);
    for (const token of [await exchanged(), (await orders.credentials()).body.access_token])
      for (const [method, path] of closed)
        expect([method, path, (await system.auth.send(method, path, { token })).status]).toEqual([
          method,
          path,
          401,
        ]);
    // The customer is still logged in.
    expect(await system.auth.send('GET', '/auth/me', { token: customers })).toMatchObject({ status: 200 });
  });

  it('gets nothing more once the client is disabled, and the tokens that it has are refused', async () => {
    const token = await exchanged();
    await system.auth.send('POST', '/admin/clients/orders/disable', { token: admin });
    await eventually(() => atInventory.judge(token) === 'revoked', { timeoutMs: 1_000 });
    expect(await orders.exchange(customers)).toMatchObject(oauthError('invalid_client'));
    await system.auth.owner.query('UPDATE revocation SET expires_at = now()');
    expect((await system.auth.send('POST', '/admin/clients/orders/enable', { token: admin })).status).toBe(
      200,
    );
  });
});

describe('with the NATS nkey', () => {
  let attacker: NatsLink;
  beforeAll(() => {
    attacker = connectNats({
      servers: system.nats.url,
      nkeySeed: system.nats.nkeySeed('orders'),
      service: 'orders',
      instance: 'attacker',
    });
  });
  afterAll(() => attacker?.close());

  it('reaches no verifier with a key set or a revocation, and acknowledges for nobody else', async () => {
    const own = createTestKey();
    const statement = (await system.auth.send('GET', '/.well-known/keyset')).text;
    const forged = signCompact({ alg: 'ES256', typ: 'jwk-set+jwt', kid: own.kid }, decodeJwt(statement), own);
    const epoch = atInventory.epoch();
    const ack = JSON.stringify({ epoch, kids: atInventory.kids(), pins: [], at: Date.now() });
    const connection = await attacker.connection;
    for (const [subject, message] of [
      [KEYSET_SUBJECT, forged],
      [KEYSET_SUBJECT, statement],
      [revocationSubject(1_000), forged],
      [ackSubject('inventory', 'attacker'), ack],
      [ackSubject('auth', 'attacker'), ack],
      // This one is its own, and shows that the others would have arrived by now.
      [ackSubject('orders', 'attacker'), ack],
    ] as const)
      connection.publish(subject, message);
    const counted = async () =>
      (await system.auth.send('GET', '/admin/verifiers', { token: admin })).body.verifiers.map(
        ({ service, instance }: { service: string; instance: string }) => `${service}/${instance}`,
      ) as string[];
    await eventually(async () => (await counted()).includes('orders/attacker'));
    expect((await counted()).filter((name) => name.endsWith('/attacker'))).toEqual(['orders/attacker']);
    // Nothing was refused, because nothing arrived; and the genuine statements still do.
    await eventually(() => atInventory.epoch() > epoch, { timeoutMs: 15_000 });
    const { statements, revocations } = atInventory.ring.facts();
    expect([statements.refused, revocations.refused]).toEqual([{}, {}]);
  }, 30_000);
});

describe('with the database login', () => {
  let databases: { orders: TestDatabase; inventory: TestDatabase };
  beforeAll(async () => {
    databases = {
      orders: await createTestDatabase('orders'),
      inventory: await createTestDatabase('inventory'),
    };
  });
  afterAll(() => Promise.all(Object.values(databases ?? {}).map((database) => database.drop())));

  /** Runs one statement. Returns `done`, or the code of PostgreSQL's error. */
  async function attempt(login: PostgresLogin, sql: string): Promise<string | undefined> {
    const connection = new pg.Client(login);
    try {
      await connection.connect();
      await connection.query(sql);
      return 'done';
    } catch (error) {
      return (error as { code?: string }).code;
    } finally {
      await connection.end().catch(() => undefined);
    }
  }

  it('reads nothing of auth and inventory, and is no owner and no superuser', async () => {
    const mine = databases.orders.runtime;
    const tables = 'SELECT * FROM client_key, signing_key, account';
    expect(await attempt(mine, 'SELECT 1')).toBe('done');
    // The same statement is good as auth, so the table names below are right.
    expect(await attempt(system.auth.logins.runtime, tables)).toBe('done');
    const denied = '42501';
    expect(await attempt({ ...mine, database: system.auth.logins.runtime.database }, tables)).toBe(denied);
    for (const database of [databases.inventory.runtime.database, 'postgres', 'template1'])
      expect(await attempt({ ...mine, database }, 'SELECT 1')).toBe(denied);
    for (const sql of [
      'CREATE TABLE mine (id int)',
      'CREATE ROLE mine',
      `SET ROLE ${databases.orders.owner.user}`,
    ])
      expect(await attempt(mine, sql)).toBe(denied);
  });
});
