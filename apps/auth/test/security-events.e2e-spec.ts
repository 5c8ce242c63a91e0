/** Each security event of auth is driven over HTTP, and makes exactly one line that names who, what and the request. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { securityEvents, type SecurityEvent } from '#service-kit';
import { createTestKey, eventually } from '#testing';
import { ClientKeysService } from '../src/oauth/client-keys.service.js';
import { clientRegistration } from '../src/oauth/client-registration.js';
import { RecoveryService } from '../src/recovery/recovery.service.js';
import { PASSWORD, startAuth, type AuthFixture } from './auth-fixture.js';
import { registerClient } from './oauth-client.js';

type Line = Record<string, unknown>;

let auth: AuthFixture;
let admin: string;
let adminId: string;
const seen = new Set<unknown>();

beforeAll(async () => {
  // Without NATS nobody is known to verify, so a rotation waits until it is told to go on, or aborted.
  auth = await startAuth();
  admin = await auth.login('admin');
  adminId = decodeJwt(admin).sub!;
}, 60_000);
afterAll(() => auth?.close());

const lines = (): Line[] =>
  auth
    .logged()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);

/** The lines of events that `act` makes; each has just the fields of its row in the table. */
async function eventsOf(act: () => Promise<unknown>): Promise<Line[]> {
  const before = lines().length;
  await act();
  const told = lines()
    .slice(before)
    .filter(({ event }) => event !== undefined);
  for (const { event, ...line } of told) {
    seen.add(event);
    const { level, time, service, context, msg, requestId: _, traceId: __, by: ___, ...fields } = line;
    expect({ level, service, context, msg }).toEqual({
      level: 'info',
      service: 'auth',
      context: 'security',
      msg: event,
    });
    expect(time).toEqual(expect.any(String));
    expect(Object.keys(fields).sort()).toEqual(
      Object.keys(securityEvents[event as SecurityEvent].fields).sort(),
    );
  }
  return told;
}

const send = (method: string, path: string, token?: string, body?: object) =>
  auth.send(method, path, {
    ...(token && { token }),
    ...(body && { body }),
    headers: { 'x-request-id': 'request-1' },
  });
const sidOf = (token: string) => decodeJwt(token)['sid'] as string;
const requestId = 'request-1';
const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/);

describe('accounts', () => {
  it('account.registered', async () => {
    const body = { email: 'new@example.test', password: PASSWORD };
    const told = await eventsOf(() => send('POST', '/auth/register', undefined, body));
    expect(told).toEqual([
      expect.objectContaining({ event: 'account.registered', account: uuid, requestId }),
    ]);
    expect(JSON.stringify(told)).not.toContain('example.test');
  });

  it('account.disabled and account.enabled, once for each change', async () => {
    const { id, email, password } = await auth.account();
    const token = (await auth.send('POST', '/auth/login', { body: { email, password } })).body.access_token;
    const disable = () => send('POST', `/admin/accounts/${id}/disable`, admin);
    const enable = () => send('POST', `/admin/accounts/${id}/enable`, admin);
    const common = { account: id, by: adminId, requestId };
    expect(await eventsOf(disable)).toEqual([
      expect.objectContaining({ event: 'account.disabled', ...common, sessions: [sidOf(token)] }),
    ]);
    expect(await eventsOf(disable)).toEqual([]);
    expect(await eventsOf(enable)).toEqual([
      expect.objectContaining({ event: 'account.enabled', ...common }),
    ]);
    expect(await eventsOf(enable)).toEqual([]);
  });

  it('account.roles_changed, once for each change', async () => {
    const { id } = await auth.account();
    const roles = ['customer', 'admin'];
    const change = () => send('PUT', `/admin/accounts/${id}/roles`, admin, { roles });
    expect(await eventsOf(change)).toEqual([
      expect.objectContaining({
        ...{ event: 'account.roles_changed', account: id, by: adminId, requestId },
        ...{ roles, before: ['customer'] },
      }),
    ]);
    expect(await eventsOf(change)).toEqual([]);
  });

  it('password.changed, with the sessions that ended', async () => {
    const { id, email, password } = await auth.account();
    const login = async (): Promise<string> =>
      (await auth.send('POST', '/auth/login', { body: { email, password } })).body.access_token;
    const [one, two] = [await login(), await login()];
    const body = { currentPassword: password, newPassword: 'eight limes under a floor' };
    const told = await eventsOf(() => send('PUT', '/auth/password', one, body));
    const expected = { event: 'password.changed', account: id, by: id, requestId, sessions: [sidOf(two)] };
    expect(told).toEqual([expect.objectContaining(expected)]);
    expect(JSON.stringify(told)).not.toContain('limes');
  });
});

describe('sessions', () => {
  it('login.succeeded', async () => {
    const { id, email, password } = await auth.account();
    const told = await eventsOf(() => send('POST', '/auth/login', undefined, { email, password }));
    const expected = { event: 'login.succeeded', account: id, session: uuid, audience: 'orders', requestId };
    expect(told).toEqual([expect.objectContaining(expected)]);
    expect(JSON.stringify(told)).not.toMatch(/eyJ|example\.test/);
  });

  it('login.refused, with the reason that the client does not read', async () => {
    const { id, email, password } = await auth.account();
    const refusal = async (body: object) =>
      (await eventsOf(() => send('POST', '/auth/login', undefined, body))).map(
        ({ event, account, reason }) => ({
          event,
          account,
          reason,
        }),
      );
    const event = 'login.refused';
    expect(await refusal({ email: 'nobody@example.test', password })).toEqual([
      { event, account: null, reason: 'unknown_account' },
    ]);
    expect(await refusal({ email, password: 'wrong password' })).toEqual([
      { event, account: id, reason: 'wrong_password' },
    ]);
    expect(await refusal({ email, password, audience: 'nowhere' })).toEqual([
      { event, account: id, reason: 'invalid_target' },
    ]);
    await send('POST', `/admin/accounts/${id}/disable`, admin);
    expect(await refusal({ email, password })).toEqual([{ event, account: id, reason: 'account_disabled' }]);
  });

  it('logout, session.ended and logout.all', async () => {
    const { id, email, password } = await auth.account();
    const login = async (): Promise<string> =>
      (await auth.send('POST', '/auth/login', { body: { email, password } })).body.access_token;
    const [one, two, three, four] = [await login(), await login(), await login(), await login()];
    const common = { account: id, by: id, requestId };
    expect(await eventsOf(() => send('POST', '/auth/logout', one))).toEqual([
      expect.objectContaining({ event: 'logout', ...common, session: sidOf(one) }),
    ]);
    expect(await eventsOf(() => send('DELETE', `/auth/sessions/${sidOf(two)}`, three))).toEqual([
      expect.objectContaining({
        event: 'session.ended',
        ...common,
        session: sidOf(two),
        reason: 'requested',
      }),
    ]);
    const [all, ...more] = await eventsOf(() => send('POST', '/auth/logout-all', four));
    expect(more).toEqual([]);
    expect(all).toMatchObject({ event: 'logout.all', ...common });
    expect([...(all!['sessions'] as string[])].sort()).toEqual([sidOf(three), sidOf(four)].sort());
  });

  it('session.refreshed, and session.ended for a token that was used before', async () => {
    const { id, email, password } = await auth.account();
    const { body } = await auth.send('POST', '/auth/login', { body: { email, password } });
    const { access_token: token, refresh_token } = body as { access_token: string; refresh_token: string };
    const refresh = () => send('POST', '/auth/refresh', undefined, { refresh_token });
    const refreshed = await eventsOf(refresh);
    const common = { account: id, session: sidOf(token), requestId };
    expect(refreshed).toEqual([expect.objectContaining({ event: 'session.refreshed', ...common })]);
    await auth.owner.query(`UPDATE refresh_family SET used = '[]' WHERE session_id = $1`, [sidOf(token)]);
    const reused = await eventsOf(refresh);
    expect(reused).toEqual([
      expect.objectContaining({ event: 'session.ended', ...common, reason: 'refresh_token_reused' }),
    ]);
    expect(JSON.stringify([refreshed, reused])).not.toContain(refresh_token);
  });

  it('session.ended of the oldest, where an account has too many', async () => {
    const { id, email, password } = await auth.account();
    const [oldest] = await auth.owner.query<{ id: string }[]>(
      `INSERT INTO session (account_id, created_at, expires_at)
       SELECT $1, clock_timestamp() + n * interval '1 second', clock_timestamp() + interval '5 minutes'
         FROM generate_series(1, 100) AS n RETURNING id`,
      [id],
    );
    const told = await eventsOf(() => send('POST', '/auth/login', undefined, { email, password }));
    expect(told).toMatchObject([
      { event: 'session.ended', account: id, session: oldest!.id, reason: 'too_many' },
      { event: 'login.succeeded' },
    ]);
  });
});

describe('clients', () => {
  let orders: Awaited<ReturnType<typeof registerClient>>;
  beforeAll(async () => {
    orders = await registerClient(auth, 'orders');
  });
  const id = { 'x-request-id': requestId };

  it('client_token.issued', async () => {
    const request = { grant_type: 'client_credentials', audience: 'inventory' };
    const told = await eventsOf(() => orders.post(request, auth, id));
    const expected = { client: 'orders', audience: 'inventory', scope: 'inventory:reserve', requestId };
    expect(told).toEqual([expect.objectContaining({ event: 'client_token.issued', ...expected })]);
    expect(JSON.stringify(told)).not.toContain('eyJ');
  });

  it('token.exchanged, with the first token’s jti', async () => {
    const token = await auth.login();
    const { sub, jti } = decodeJwt(token);
    const told = await eventsOf(() => orders.exchange(token));
    expect(told).toEqual([
      expect.objectContaining({
        ...{ event: 'token.exchanged', client: 'orders', audience: 'inventory', scope: 'inventory:reserve' },
        ...{ account: sub, session: sidOf(token), txn: jti, requestId: uuid },
      }),
    ]);
    expect(JSON.stringify(told)).not.toContain('eyJ');
  });

  it('token.revoked, once, and not for a token of another client', async () => {
    const token = (await orders.exchange(await auth.login())).body.access_token;
    const told = await eventsOf(async () => {
      for (let time = 0; time < 2; time += 1) await orders.revoke(token);
      await orders.revoke(await auth.login());
    });
    const ofToken = { session: sidOf(token), jti: decodeJwt(token).jti, requestId: uuid };
    expect(told.filter(({ event }) => event !== 'login.succeeded')).toEqual([
      expect.objectContaining({
        event: 'token.revoked',
        client: 'orders',
        audience: 'inventory',
        ...ofToken,
      }),
    ]);
    expect(JSON.stringify(told)).not.toContain('eyJ');
  });

  it('client.refused, with the reason that the client does not read', async () => {
    const client_assertion = orders.assertion({ claims: { aud: 'https://other.test' } });
    const told = await eventsOf(() => orders.post({ client_assertion }, auth, id));
    const expected = { event: 'client.refused', client: 'orders', reason: 'wrong_audience', requestId };
    expect(told).toEqual([expect.objectContaining(expected)]);
    expect(JSON.stringify(told)).not.toContain('eyJ');
  });

  it('client_key.added and client_key.ended, once for each change', async () => {
    const { kid, publicJwk } = createTestKey();
    const registration = { client_id: 'orders', jwks: { keys: [publicJwk] } };
    const service = auth.app.get(ClientKeysService, { strict: false });
    const change = () => service.register(clientRegistration.parse(registration), 'end-now');
    expect(await eventsOf(change)).toMatchObject([
      { event: 'client_key.added', client: 'orders', kid },
      { event: 'client_key.ended', client: 'orders', kid: orders.key.kid },
    ]);
    expect(await eventsOf(change)).toEqual([]);
  });

  it('client.disabled and client.enabled, once for each change', async () => {
    const disable = () => send('POST', '/admin/clients/orders/disable', admin);
    const enable = () => send('POST', '/admin/clients/orders/enable', admin);
    const common = { client: 'orders', by: adminId, requestId };
    expect(await eventsOf(disable)).toEqual([
      expect.objectContaining({ event: 'client.disabled', ...common }),
    ]);
    expect(await eventsOf(disable)).toEqual([]);
    expect(await eventsOf(enable)).toEqual([]);
    await auth.owner.query('UPDATE revocation SET expires_at = now()');
    expect(await eventsOf(enable)).toEqual([expect.objectContaining({ event: 'client.enabled', ...common })]);
    expect(await eventsOf(enable)).toEqual([]);
  });
});

describe('keys', () => {
  const keys = async (): Promise<{ kid: string; status: string }[]> =>
    (await auth.send('GET', '/admin/keys', { token: admin })).body.keys;
  // The standby is made within a second.
  const kidOf = (status: string) =>
    eventually(async () => (await keys()).find((key) => key.status === status)?.kid ?? false, {
      timeoutMs: 15_000,
    }) as Promise<string>;
  const rotate = () => send('POST', '/admin/keys/rotate', admin, {});

  it('key.activated and key.prepared of the first keys, which nobody asked for', () => {
    const told = lines().filter(({ event }) => String(event).startsWith('key.'));
    told.forEach(({ event }) => seen.add(event));
    expect(told).toMatchObject([{ event: 'key.activated', alg: 'ES256' }, { event: 'key.prepared' }]);
    for (const line of told) expect(line).not.toHaveProperty('by');
  });

  it('rotation.started and rotation.aborted', async () => {
    const kid = await kidOf('prepared');
    let rotating: Promise<unknown>;
    const started = await eventsOf(async () => {
      rotating = rotate();
      await eventually(() => auth.logged().includes('rotation.started'));
    });
    const common = { rotation: uuid, kid, by: adminId, requestId };
    expect(started).toEqual([
      expect.objectContaining({ event: 'rotation.started', ...common, cause: 'requested' }),
    ]);
    const aborted = await eventsOf(() => send('POST', '/admin/rotations/current/abort', admin));
    expect(aborted).toEqual([expect.objectContaining({ event: 'rotation.aborted', ...common })]);
    await rotating!;
  }, 30_000);

  it('rotation.proceeded and rotation.finished, with what becomes of the keys', async () => {
    const [active, prepared] = [await kidOf('active'), await kidOf('prepared')];
    let rotating: Promise<unknown>;
    const before = lines().length;
    await eventsOf(async () => {
      rotating = rotate();
      await eventually(() =>
        lines()
          .slice(before)
          .some(({ event }) => event === 'rotation.started'),
      );
    });
    const told = await eventsOf(() => send('POST', '/admin/rotations/current/proceed', admin));
    await rotating!;
    const common = { by: adminId, requestId };
    expect(told).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          event: 'rotation.proceeded',
          ...common,
          kid: prepared,
          waitingFor: expect.arrayContaining(['verifiers not heard of yet']),
        }),
        expect.objectContaining({ event: 'rotation.finished', ...common, kid: prepared }),
        expect.objectContaining({ event: 'key.retiring', ...common, kid: active }),
        expect.objectContaining({ event: 'key.activated', ...common, kid: prepared }),
      ]),
    );
    expect(told).toHaveLength(4);
  }, 30_000);

  it('key.revoked, and the standby that follows', async () => {
    const [active, prepared] = [await kidOf('active'), await kidOf('prepared')];
    const body = { reason: 'compromised' };
    const told = await eventsOf(() => send('POST', `/admin/keys/${active}/revoke`, admin, body));
    const common = { by: adminId, requestId };
    expect(told.filter(({ event }) => event === 'key.revoked')).toEqual([
      expect.objectContaining({ ...common, kid: active, alg: 'ES256', reason: 'compromised' }),
    ]);
    expect(told.filter(({ event }) => event === 'key.activated')).toEqual([
      expect.objectContaining({ ...common, kid: prepared }),
    ]);
  }, 30_000);

  it('key.retired, once its time has come', async () => {
    const kid = await kidOf('retiring');
    const told = await eventsOf(async () => {
      await auth.owner.query('ALTER TABLE signing_key DISABLE TRIGGER USER');
      await auth.owner.query(
        "UPDATE signing_key SET verify_until = date_trunc('second', clock_timestamp()) WHERE kid = $1",
        [kid],
      );
      await auth.owner.query('ALTER TABLE signing_key ENABLE TRIGGER USER');
      await eventually(async () => lines().some((line) => line['event'] === 'key.retired'), {
        timeoutMs: 15_000,
      });
    });
    expect(told.filter(({ event }) => event === 'key.retired')).toEqual([
      expect.objectContaining({ kid, alg: 'ES256' }),
    ]);
  }, 30_000);

  it('keyset.kept_again, after the database was away', async () => {
    const told = await eventsOf(async () => {
      auth.database.shut();
      await eventually(() => auth.logged().includes('the key set cannot be kept'), { timeoutMs: 15_000 });
      auth.database.open();
      await eventually(() => auth.logged().includes('keyset.kept_again'), { timeoutMs: 15_000 });
    });
    expect(told.filter(({ event }) => event === 'keyset.kept_again')).toHaveLength(1);
  }, 40_000);

  it('recovered, after a database was restored', async () => {
    await auth.owner.query('ALTER TABLE key_set DISABLE TRIGGER epoch_only_grows');
    await auth.owner.query('UPDATE key_set SET epoch = 1');
    await auth.owner.query('ALTER TABLE key_set ENABLE TRIGGER epoch_only_grows');
    const told = await eventsOf(() => auth.app.get(RecoveryService, { strict: false }).recover());
    expect(told.filter(({ event }) => event === 'recovered')).toMatchObject([
      { from: 1, epoch: expect.any(Number), endedSessions: expect.any(Number) },
    ]);
  }, 30_000);
});

it('no event of accounts, sessions and keys was left out', () => {
  const elsewhere = /^(anchor|nats|database|statement|revocation|revocations)\./;
  expect([...seen].filter((event) => !elsewhere.test(String(event))).sort()).toEqual(
    Object.keys(securityEvents)
      .filter((event) => !elsewhere.test(event))
      .sort(),
  );
});

it('what Nest tells of its modules and routes is no news', () => {
  const contexts = lines()
    .filter(({ level }) => level === 'info')
    .map(({ context }) => context);
  expect(new Set(contexts)).toEqual(new Set([undefined, 'security']));
});
