/** The introspection endpoint (RFC 7662): which tokens are good now, and who may know. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { createTestKey, eventually, signCompact } from '#testing';
import { KeyCustodianService } from '../src/rotation/key-custodian.service.js';
import { startAuth, type AuthFixture, type AuthReplica } from './auth-fixture.js';
import { chainOf, oauthError, postForm, registerClient, signLike, type Parameters } from './oauth-client.js';

let auth: AuthFixture;
let other: AuthReplica;
let orders: Awaited<ReturnType<typeof registerClient>>;
let inventory: typeof orders;
let billing: typeof orders;
beforeAll(async () => {
  auth = await startAuth();
  other = await auth.replica();
  orders = await registerClient(auth, 'orders');
  inventory = await registerClient(auth, 'inventory');
  billing = await registerClient(auth, 'billing');
}, 60_000);
afterAll(() => auth?.close());

const claimsOf = (token: string) => decodeJwt(token) as Record<string, unknown>;
const inactive = { status: 200, body: { active: false } };
const tokenOf = async (answer: ReturnType<typeof orders.exchange>): Promise<string> =>
  (await answer).body.access_token;

describe('a good token is described', () => {
  it('to the service that it is for: a token of a login', async () => {
    const token = await auth.login();
    const { roles: _, 'https://issuer.test/claims/account_since': __, ...claims } = claimsOf(token);
    const { status, body, headers } = await orders.introspect(token);
    expect({ status, body }).toEqual({
      status: 200,
      body: { active: true, token_type: 'Bearer', ...claims },
    });
    expect(Object.keys(claims).sort()).toEqual(
      ['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'scope', 'sid', 'sub'].sort(),
    );
    expect(headers.get('cache-control')).toBe('no-store');
    expect(await orders.introspect(token, {}, other)).toMatchObject({ body: { active: true } });
  });

  it('to the service that it is for, and to the client that it was issued to: a token that was exchanged', async () => {
    const token = await tokenOf(orders.exchange(await auth.login()));
    for (const client of [orders, inventory])
      expect((await client.introspect(token)).body).toEqual({
        active: true,
        token_type: 'Bearer',
        ...claimsOf(token),
        ...{ act: { sub: 'orders' }, txn: expect.any(String), client_id: 'orders', aud: 'inventory' },
      });
  });

  it('with the whole chain of actors', async () => {
    const act = chainOf('orders', 'inventory', 'orders');
    const token = await signLike(auth, await auth.login(), { client_id: 'orders', act, txn: 'the-first' });
    expect((await orders.introspect(token)).body).toMatchObject({ active: true, act, txn: 'the-first' });
  });

  it('without a session: a token of a client for itself', async () => {
    const token = await tokenOf(orders.credentials());
    for (const client of [orders, inventory])
      expect((await client.introspect(token)).body).toEqual({
        active: true,
        token_type: 'Bearer',
        ...claimsOf(token),
      });
    expect(claimsOf(token)).not.toHaveProperty('sid');
  });

  it('whatever type the hint names (RFC 7662 §2.1)', async () => {
    const token = await auth.login();
    for (const token_type_hint of ['access_token', 'refresh_token', 'saml', ''])
      expect(await orders.introspect(token, { token_type_hint })).toMatchObject({ body: { active: true } });
  });
});

describe('it is not active, and nothing else is said', () => {
  const expectInactive = async (token: string, client = orders, at?: AuthReplica) => {
    const { status, body } = await client.introspect(token, {}, at);
    expect({ status, body }).toEqual(inactive);
  };

  it('to a client that it is neither for nor issued to, not even to an earlier actor', async () => {
    const token = await auth.login();
    const exchanged = await tokenOf(orders.exchange(token));
    const own = await tokenOf(orders.credentials());
    for (const foreign of [token, exchanged, own]) await expectInactive(foreign, billing);
    await expectInactive(token, inventory);
    const act = chainOf('inventory', 'billing', 'orders');
    await expectInactive(await signLike(auth, token, { client_id: 'inventory', act }), billing);
  });

  it('if it is another kind of token, or forged', async () => {
    const { email, password } = await auth.account();
    const { body } = await auth.send('POST', '/auth/login', { body: { email, password } });
    const token: string = body.access_token;
    const header = decodeProtectedHeader(token);
    const [head, payload] = token.split('.') as [string, string];
    for (const text of [
      ...[body.refresh_token, (await auth.send('GET', '/.well-known/keyset')).text, orders.assertion()],
      ...['x', 'a.b.c', `${token}x`, `${head}.${payload}.`, 'x'.repeat(9_000), '{"active":true}', 'é\u0000'],
      signCompact(header, claimsOf(token), createTestKey()),
      signCompact({ ...header, kid: orders.key.kid }, claimsOf(token), orders.key),
      signCompact({ ...header, kid: 'unknown' }, claimsOf(token), orders.key),
    ])
      await expectInactive(text);
    expect(await orders.introspect(token)).toMatchObject({ body: { active: true } });
  });

  it('if its session is unknown, is of another account, or is missing from the token of an account', async () => {
    const token = await auth.login();
    for (const claims of [{ sid: undefined }, { sid: randomUUID() }, { sid: 'x' }, { sub: randomUUID() }])
      await expectInactive(await signLike(auth, token, claims));
  });

  it('if it has expired a moment ago: no clock is tolerated here', async () => {
    const token = await signLike(
      auth,
      await auth.login(),
      {},
      { notAfter: Math.floor(Date.now() / 1000) + 2 },
    );
    await eventually(() => Date.now() >= (claimsOf(token)['exp'] as number) * 1000);
    // A verifier still tolerates it.
    expect(await auth.send('GET', '/auth/me', { token })).toMatchObject({ status: 200 });
    await expectInactive(token);
  });

  it('as soon as its session has ended, at each replica, with every token that was exchanged from it', async () => {
    const token = await auth.login();
    const exchanged = await tokenOf(orders.exchange(token));
    await auth.send('POST', '/auth/logout', { token });
    // NATS is away: the other replica has the database alone.
    for (const at of [auth.first, other]) {
      await expectInactive(token, orders, at);
      await expectInactive(exchanged, inventory, at);
    }
  });

  it('if its account is disabled, or has lost a role', async () => {
    const { id, email, password } = await auth.account();
    const login = async (): Promise<string> =>
      (await auth.send('POST', '/auth/login', { body: { email, password } })).body.access_token;
    const admin = await auth.login('admin');
    const change = (method: string, path: string, body?: object) =>
      auth.send(method, `/admin/accounts/${id}/${path}`, { token: admin, ...(body && { body }) });
    const disabled = await login();
    await change('POST', 'disable');
    await expectInactive(disabled);
    await change('POST', 'enable');
    await expectInactive(disabled);
    const demoted = await login();
    await change('PUT', 'roles', { roles: ['admin'] });
    await expectInactive(demoted);
    const inDatabaseAlone = await auth.login();
    await auth.owner.query('UPDATE account SET disabled_at = now() WHERE id = $1', [
      claimsOf(inDatabaseAlone)['sub'],
    ]);
    await expectInactive(inDatabaseAlone);
  });

  it('if a client that has handled it is disabled or unknown', async () => {
    const own = await tokenOf(orders.credentials());
    const later = await signLike(auth, await auth.login(), { act: chainOf('inventory', 'billing') });
    await expectInactive(await signLike(auth, later, { act: chainOf('stranger') }));
    await billing.disable();
    await expectInactive(later);
    await billing.enable();
    await orders.disable();
    await expectInactive(own, inventory);
    await orders.enable();
    expect(await inventory.introspect(own)).toMatchObject({ body: { active: true } });
    expect(await orders.introspect(later)).toMatchObject({ body: { active: true } });
  });

  it('if a revocation in the database names it, its first token, its session or a client of it', async () => {
    const token = await signLike(auth, await auth.login(), { txn: 'the-first', act: chainOf('inventory') });
    const { jti, sid } = claimsOf(token);
    for (const [kind, value] of [
      ['jti', jti],
      ['jti', 'the-first'],
      ['sid', sid],
      ['client_id', 'web'],
      ['client_id', 'inventory'],
    ]) {
      await auth.owner.query(
        `INSERT INTO revocation (n, kind, value, jws, created_at, expires_at, stream)
         VALUES (999, $1, $2, 'none', now(), now() + interval '5 minutes', 'none')`,
        [kind, value],
      );
      await expectInactive(token);
      await auth.owner.query('DELETE FROM revocation WHERE n = 999');
    }
    expect(await orders.introspect(token)).toMatchObject({ body: { active: true } });
  });
});

describe('a request is refused', () => {
  const path = '/oauth/introspect';

  it.each<[string, Parameters, string]>([
    ['without a token', { token: undefined }, 'invalid_request'],
    ['with an empty token', { token: '' }, 'invalid_request'],
    ['with two tokens', { token: ['x', 'y'] }, 'invalid_request'],
    ['with a token twice', { token: ['x', 'x'] }, 'invalid_request'],
    ['with two hints', { token_type_hint: ['access_token', 'access_token'] }, 'invalid_request'],
    ['with an unknown parameter twice', { colour: ['red', 'blue'] }, 'invalid_request'],
    ['with two assertions', { client_assertion: ['x', 'y'] }, 'invalid_request'],
    ['with a secret beside the assertion', { client_secret: 'x' }, 'invalid_request'],
    [
      'without an assertion',
      { client_assertion: undefined, client_assertion_type: undefined },
      'invalid_client',
    ],
    ['with the name of another client', { client_id: 'inventory' }, 'invalid_client'],
  ])('%s', async (_what, parameters, error) => {
    expect(await orders.introspect(await auth.login(), parameters)).toMatchObject(oauthError(error));
  });

  it('of an unauthenticated client, also without a token', async () => {
    expect(await postForm(auth, { client_id: 'orders' }, {}, path)).toMatchObject(
      oauthError('invalid_client'),
    );
    const token = await auth.login();
    const bearer = await postForm(auth, { token }, { authorization: `Bearer ${token}` }, path);
    expect(bearer).toMatchObject(oauthError('invalid_client'));
  });

  it('with an assertion that was used before, at this endpoint or another', async () => {
    const token = await auth.login();
    const client_assertion = orders.assertion();
    expect(await orders.introspect(token, { client_assertion })).toMatchObject({ body: { active: true } });
    expect(await orders.introspect(token, { client_assertion }, other)).toMatchObject(
      oauthError('invalid_client'),
    );
    expect(await orders.credentials({ client_assertion })).toMatchObject(oauthError('invalid_client'));
  });

  it('with an assertion for the URL of the endpoint', async () => {
    const client_assertion = orders.assertion({ claims: { aud: `${auth.settings.issuer}${path}` } });
    expect(await orders.introspect('x', { client_assertion })).toMatchObject(oauthError('invalid_client'));
  });

  it('of a disabled client', async () => {
    const token = await auth.login();
    await orders.disable();
    expect(await orders.introspect(token)).toMatchObject(oauthError('invalid_client'));
    await orders.enable();
  });

  it('with JSON, with nothing, with a form of 1 MB', async () => {
    const send = (type: string, body: string) =>
      auth.send('POST', path, { headers: { 'content-type': type }, body });
    expect(await send('application/json', '{"token":"x"}')).toMatchObject(oauthError('invalid_request'));
    expect(await send('application/x-www-form-urlencoded', '')).toMatchObject(oauthError('invalid_request'));
    const large = await orders.introspect('x'.repeat(1_000_000));
    expect(large).toMatchObject(oauthError('invalid_request', 413));
  });

  it.each(['GET', 'PUT', 'DELETE'])('by %s, as every other method: 405', async (method) => {
    const answer = await auth.send(method, `${path}?token=x`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('with 503 while the database is away, and not with active: false', async () => {
    const token = await auth.login();
    auth.database.shut();
    const answer = await orders.introspect(token);
    auth.database.open();
    expect(answer).toMatchObject(oauthError('temporarily_unavailable', 503));
    await eventually(async () => (await orders.introspect(token)).body.active === true);
  });
});

it('it is not active if its key is revoked, also at a replica that has not heard of it', async () => {
  const [token, admin] = [await auth.login(), await auth.login('admin')];
  // NATS is away, and no round of its own comes any more.
  await other.app.get(KeyCustodianService, { strict: false }).onModuleDestroy();
  const { kid } = decodeProtectedHeader(token);
  await auth.send('POST', `/admin/keys/${kid}/revoke`, { token: admin, body: { reason: 'compromised' } });
  expect(await other.send('GET', '/auth/me', { token })).toMatchObject({ status: 200 });
  for (const at of [auth.first, other])
    expect(await orders.introspect(token, {}, at)).toMatchObject(inactive);
});

it('neither token is in the log, which is at its most detailed', async () => {
  const [token, refused] = [await auth.login(), await auth.login('admin')];
  await orders.introspect(token);
  await orders.introspect(refused);
  await orders.introspect(`${token}x`);
  for (const secret of [...token.split('.').slice(1), ...refused.split('.').slice(1)])
    expect(auth.logged()).not.toContain(secret);
});
