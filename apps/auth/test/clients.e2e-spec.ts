/** An administrator disables a client and enables it again: what becomes of its tokens, here and at verifiers. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '#testing';
import { shareSigning } from '../src/key-set/signing-lock.js';
import { lockClients } from '../src/oauth/lock-clients.js';
import { authWithVerifier } from './auth-with-verifier.js';
import { oauthError, registerClient } from './oauth-client.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

const system = authWithVerifier();
let admin: string;
let orders: Awaited<ReturnType<typeof registerClient>>;
let inventory: VerifierFixture;

beforeAll(async () => {
  admin = await system.auth.login('admin');
  orders = await registerClient(system.auth, 'orders');
  inventory = startVerifier(system.auth.settings, system.nats, { service: 'inventory' });
  await eventually(() => inventory.isReady());
});
afterAll(() => inventory?.stop());

const manage = (method: string, path = '') =>
  system.auth.send(method, `/admin/clients${path}`, { token: admin });
const revocations = (id: string) =>
  system.auth.owner.query("SELECT n FROM revocation WHERE kind = 'client_id' AND value = $1", [id]);
/** As if the longest life of a token had passed since the client was disabled. */
const letRevocationsExpire = () => system.auth.owner.query('UPDATE revocation SET expires_at = now()');
const enableLater = async (id: string) => {
  await letRevocationsExpire();
  expect(await manage('POST', `/${id}/enable`)).toMatchObject({ status: 200 });
};

describe('a client that is disabled', () => {
  it('gets no token, and no service accepts a token that it has handled', async () => {
    const customers = await system.auth.login();
    const { access_token: exchanged } = (await orders.exchange(customers)).body;
    const { access_token: own } = (await orders.credentials()).body;
    for (const token of [exchanged, own]) expect(inventory.judge(token)).toMatchObject({ aud: 'inventory' });

    const { status, body } = await manage('POST', '/orders/disable');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: 'orders',
      keys: [{ kid: orders.key.kid, alg: 'ES256', notAfter: null }],
    });
    // The answer came after the announcement, which is a few milliseconds away from the verifier.
    await eventually(() => [exchanged, own].every((token) => inventory.judge(token) === 'revoked'), {
      timeoutMs: 1_000,
    });
    expect(await orders.exchange(customers)).toMatchObject(oauthError('invalid_client'));
    expect(await orders.credentials()).toMatchObject(oauthError('invalid_client'));
    // Its customers stay logged in.
    expect(system.orders.judge(customers)).toMatchObject({ aud: 'orders' });

    const lifeMs = Date.parse(body.revokedUntil) - Date.parse(body.disabledAt);
    expect(lifeMs / 1000).toBeCloseTo(system.auth.settings.maxTokenSeconds + 10, 0);
  });

  it('is disabled once: a second time changes nothing', async () => {
    const before = (await manage('GET')).body.clients;
    expect(await manage('POST', '/orders/disable')).toMatchObject({
      status: 200,
      body: before.find(({ id }: { id: string }) => id === 'orders'),
    });
    expect(await revocations('orders')).toHaveLength(1);
  });

  it('cannot be enabled while services refuse its tokens', async () => {
    const answer = await manage('POST', '/orders/enable');
    expect(answer).toMatchObject({ status: 409, body: { code: 'client_still_revoked' } });
    const seconds = Number(answer.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(system.auth.settings.maxTokenSeconds - 60);
    expect(seconds).toBeLessThanOrEqual(system.auth.settings.maxTokenSeconds + 10);
    expect(await orders.credentials()).toMatchObject(oauthError('invalid_client'));
  });

  it('cannot be enabled while an older revocation keeps its own in the view of verifiers', async () => {
    // The longest life was shortened meanwhile, so the older revocation expires later.
    await system.auth.owner.query(
      `INSERT INTO revocation (n, kind, value, jws, created_at, expires_at)
       SELECT min(n) - 1, 'jti', 'older', 'none', now(), now() + interval '30 seconds' FROM revocation`,
    );
    await system.auth.owner.query("UPDATE revocation SET expires_at = now() WHERE kind = 'client_id'");
    const answer = await manage('POST', '/orders/enable');
    expect(answer).toMatchObject({ status: 409, body: { code: 'client_still_revoked' } });
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(30);
  });

  it('works again as soon as it is enabled, at every service', async () => {
    await enableLater('orders');
    expect(await revocations('orders')).toEqual([]);
    const { body } = await orders.exchange(await system.auth.login());
    await eventually(() => expect(inventory.judge(body.access_token)).toMatchObject({ aud: 'inventory' }), {
      timeoutMs: 1_000,
    });
    const { clients } = (await manage('GET')).body;
    expect(clients.map(({ id }: { id: string }) => id)).toEqual(['orders', 'web']);
    expect(clients[0]).toMatchObject({ disabledAt: null, revokedUntil: null });
  });

  it('is enabled once: a second time changes nothing', async () => {
    expect(await manage('POST', '/orders/enable')).toMatchObject({ status: 200, body: { disabledAt: null } });
  });
});

describe('disabling a client', () => {
  it('waits for the tokens that are being signed, and for no later one', async () => {
    const signing = system.auth.owner.createQueryRunner();
    await signing.startTransaction();
    await lockClients(await shareSigning(signing.manager), ['orders']);
    const waiting = (count: number) =>
      eventually(async () => {
        const locks = await system.auth.owner.query(
          `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        );
        return locks.length === count;
      });
    const disabled = manage('POST', '/orders/disable');
    await waiting(1);
    expect(await revocations('orders')).toEqual([]);
    const later = orders.credentials();
    await waiting(2);
    await signing.commitTransaction();
    await signing.release();
    expect(await disabled).toMatchObject({ status: 200 });
    expect(await later).toMatchObject(oauthError('invalid_client'));
    await enableLater('orders');
  });

  it('does not deadlock with a login that ends the oldest session', async () => {
    const { auth } = system;
    const { id, email, password } = await auth.account();
    await auth.owner.query(
      `INSERT INTO session (account_id, created_at, expires_at, token_expires_at)
       SELECT $1, now(), later.time, later.time
         FROM generate_series(1, 100), (SELECT now() + interval '5 minutes' AS time) AS later`,
      [id],
    );
    const waiting = (count: number) =>
      eventually(async () => {
        const sessions = await auth.owner.query(
          `SELECT DISTINCT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE NOT granted AND datname = current_database()`,
        );
        return sessions.length === count;
      });
    const revoking = auth.owner.createQueryRunner();
    await revoking.startTransaction();
    await revoking.query('SELECT FROM revocation_counter FOR UPDATE');
    const login = auth.send('POST', '/auth/login', { body: { email, password } });
    await waiting(1);
    const disabled = manage('POST', '/orders/disable');
    await waiting(2);
    await revoking.commitTransaction();
    await revoking.release();
    expect([(await login).status, (await disabled).status]).toEqual([200, 200]);
    await enableLater('orders');
  });

  it.each([
    ['web', 409, 'client_of_logins'],
    ['billing', 404, 'client_not_found'],
    ['Not-a-name', 400, 'invalid_request'],
  ])('%s: %i', async (id, status, code) => {
    expect(await manage('POST', `/${id}/disable`)).toMatchObject({ status, body: { code } });
  });

  it('needs the scope of administrators', async () => {
    const token = await system.auth.login('customer');
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/orders/disable'],
      ['POST', '/orders/enable'],
    ] as const)
      expect((await system.auth.send(method, `/admin/clients${path}`, { token })).status).toBe(401);
  });
});

it('enabling an unknown client: 404', async () => {
  expect(await manage('POST', '/billing/enable')).toMatchObject({
    status: 404,
    body: { code: 'client_not_found' },
  });
});
