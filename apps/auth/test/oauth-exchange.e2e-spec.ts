/** Token exchange (RFC 8693): a service trades the token of an account for one for the next service. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { createTestKey, eventually, signCompact } from '#testing';
import { KeyCustodianService } from '../src/rotation/key-custodian.service.js';
import type { SigningOptions } from '../src/tokens/access-token-signer.js';
import { startAuth, type AuthFixture, type AuthReplica } from './auth-fixture.js';
import {
  ACCESS_TOKEN,
  chainOf,
  EXCHANGE,
  oauthError,
  registerClient,
  signLike,
  type Parameters,
} from './oauth-client.js';

const JWT = 'urn:ietf:params:oauth:token-type:jwt';

let auth: AuthFixture;
let other: AuthReplica;
let orders: Awaited<ReturnType<typeof registerClient>>;
let inventory: typeof orders;
beforeAll(async () => {
  auth = await startAuth();
  other = await auth.replica();
  orders = await registerClient(auth, 'orders');
  inventory = await registerClient(auth, 'inventory');
}, 60_000);
afterAll(() => auth?.close());

const claimsOf = (token: string) => decodeJwt(token) as Record<string, unknown>;

const signed = (like: string, claims?: Record<string, unknown>, options?: SigningOptions) =>
  signLike(auth, like, claims, options);

describe('an exchange', () => {
  it('gives a token for the same account and session, for the callee, with less, and with its history', async () => {
    const token = await auth.login();
    const { status, body, headers } = await orders.exchange(token);
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.any(String),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'inventory:reserve',
    });
    expect(headers.get('cache-control')).toBe('no-store');
    const before = claimsOf(token);
    const after = claimsOf(body.access_token);
    expect(decodeProtectedHeader(body.access_token).typ).toBe('at+jwt');
    expect(after).toEqual({
      ...{ iss: auth.settings.issuer, sub: before['sub'], sid: before['sid'] },
      ...{ aud: 'inventory', client_id: 'orders', scope: 'inventory:reserve' },
      ...{ act: { sub: 'orders' }, txn: before['jti'] },
      ...{ iat: expect.any(Number), exp: before['exp'], jti: expect.any(String) },
    });
    expect(after['jti']).not.toBe(before['jti']);
    expect(body.expires_in).toBe((after['exp'] as number) - (after['iat'] as number));
  });

  it.each<[string, Parameters]>([
    ['by URL', { audience: undefined, resource: 'https://inventory.test' }],
    ['of a token that is called a JWT', { subject_token_type: JWT }],
    ['that asks for an access token', { requested_token_type: ACCESS_TOKEN }],
    ['that asks for the scope', { scope: 'inventory:reserve' }],
  ])('%s', async (_what, parameters) => {
    expect(await orders.exchange(await auth.login(), parameters)).toMatchObject({ status: 200 });
  });

  it('at another replica, and of a token with three seconds to live', async () => {
    const token = await signed(await auth.login(), {}, { notAfter: Math.floor(Date.now() / 1000) + 3 });
    const { status, body } = await orders.exchange(token, {}, other);
    expect(status).toBe(200);
    expect(body.expires_in).toBeLessThanOrEqual(3);
    expect(claimsOf(body.access_token)['exp']).toBe(claimsOf(token)['exp']);
  });

  it('nests the actors of each hop, and keeps the first token’s jti', async () => {
    const act = chainOf('inventory', 'orders', 'inventory');
    const token = await signed(await auth.login(), { client_id: 'inventory', txn: 'the-first', act });
    const { body } = await orders.exchange(token);
    expect(claimsOf(body.access_token)).toMatchObject({
      client_id: 'orders',
      txn: 'the-first',
      act: { sub: 'orders', act },
    });
  });

  it('gives a token that opens no route of auth, although its session is live', async () => {
    const token = await auth.login();
    const { body } = await orders.exchange(token);
    for (const [method, path] of [
      ['GET', '/auth/me'],
      ['GET', '/auth/sessions'],
      ['POST', '/auth/logout'],
      ['POST', '/auth/logout-all'],
    ] as const)
      expect(await auth.send(method, path, { token: body.access_token })).toMatchObject({ status: 401 });
    expect(await auth.send('GET', '/auth/me', { token })).toMatchObject({ status: 200 });
  });
});

describe('an exchange is refused', () => {
  it.each<[string, Parameters, string]>([
    ['without a subject token', { subject_token: undefined }, 'invalid_request'],
    ['without its type', { subject_token_type: undefined }, 'invalid_request'],
    [
      'with the type of a refresh token',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      'invalid_request',
    ],
    ['with another type', { subject_token_type: 'access_token' }, 'invalid_request'],
    [
      'with a request for an ID token',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
      'invalid_request',
    ],
    ['with an actor token', { actor_token: 'x', actor_token_type: JWT }, 'invalid_request'],
    ['with the type of an actor token', { actor_token_type: JWT }, 'invalid_request'],
    ['without a target', { audience: undefined }, 'invalid_target'],
    ['with an unknown target', { audience: 'audit' }, 'invalid_target'],
    ['with auth as its target', { audience: 'auth' }, 'invalid_target'],
    ['with an unknown URL', { audience: undefined, resource: 'https://nowhere.test' }, 'invalid_target'],
    ['with a scope that the callee does not have', { scope: 'inventory:nothing' }, 'invalid_scope'],
    ['with a scope that is not granted', { scope: 'inventory:write' }, 'invalid_scope'],
    ['with the scope of the subject token', { scope: 'orders:write' }, 'invalid_scope'],
  ])('%s', async (_what, parameters, error) => {
    expect(await orders.exchange(await auth.login(), parameters)).toMatchObject(oauthError(error));
  });

  it('if the subject token lacks the scope', async () => {
    const token = await auth.login();
    for (const scope of ['orders:read', '', undefined])
      expect(await orders.exchange(await signed(token, { scope }))).toMatchObject(
        oauthError('invalid_scope'),
      );
    expect(await orders.exchange(await signed(token, { scope: 'orders:write' }))).toMatchObject({
      status: 200,
    });
  });

  it('if the subject token has a scope for another audience', async () => {
    const admin = await auth.login('admin', 'inventory');
    expect(await inventory.exchange(admin, { audience: 'orders' })).toMatchObject(
      oauthError('invalid_target'),
    );
  });

  const grantRefused = oauthError('invalid_grant');

  it('if the token was made for another service', async () => {
    const admin = await auth.login('admin', 'inventory');
    expect(await orders.exchange(admin)).toMatchObject(grantRefused);
    const { body } = await orders.exchange(await auth.login());
    // It is for inventory now.
    expect(await orders.exchange(body.access_token)).toMatchObject(grantRefused);
  });

  it('if it is another kind of token', async () => {
    const { email, password } = await auth.account();
    const { body } = await auth.send('POST', '/auth/login', { body: { email, password } });
    const statement = (await auth.send('GET', '/.well-known/keyset')).text;
    for (const token of [body.refresh_token, statement, orders.assertion(), 'x', 'a.b.c'])
      expect(await orders.exchange(token)).toMatchObject(grantRefused);
    for (const typ of ['JWT', 'jwk-set+jwt', 'secevent+jwt', undefined]) {
      const forged = signCompact({ alg: 'ES256', typ, kid: 'x' }, claimsOf(body.access_token), orders.key);
      expect(await orders.exchange(forged)).toMatchObject(grantRefused);
    }
  });

  it('if somebody else signed it', async () => {
    const token = await auth.login();
    const header = decodeProtectedHeader(token);
    const [head, payload, signature] = token.split('.') as [string, string, string];
    const more = Buffer.from(JSON.stringify({ ...claimsOf(token), sub: randomUUID() })).toString('base64url');
    for (const forged of [
      signCompact(header, claimsOf(token), createTestKey()),
      signCompact({ ...header, kid: orders.key.kid }, claimsOf(token), orders.key),
      `${head}.${more}.${signature}`,
      `${head}.${payload}.`,
    ])
      expect(await orders.exchange(forged)).toMatchObject(grantRefused);
  });

  it('if it has no session, and if it is the token of a client', async () => {
    const token = await auth.login();
    for (const claims of [{ sid: undefined }, { sid: randomUUID() }, { sid: 'x' }, { sub: randomUUID() }])
      expect(await orders.exchange(await signed(token, claims))).toMatchObject(grantRefused);
    const own = { sub: 'inventory', client_id: 'inventory', sid: undefined, roles: undefined };
    expect(await orders.exchange(await signed(token, own))).toMatchObject(grantRefused);
  });

  it('if it has expired a moment ago: no clock is tolerated here', async () => {
    const token = await auth.login();
    const ended = await signed(token, {}, { notAfter: Math.floor(Date.now() / 1000) + 1 });
    await eventually(() => Date.now() >= (claimsOf(ended)['exp'] as number) * 1000);
    // A verifier still tolerates it.
    expect(await auth.send('GET', '/auth/me', { token: ended })).toMatchObject({ status: 200 });
    expect(await orders.exchange(ended)).toMatchObject(grantRefused);
  });

  it('if its session has ended, its account is disabled, or has lost a role', async () => {
    const { id, email, password } = await auth.account();
    const login = async (): Promise<string> =>
      (await auth.send('POST', '/auth/login', { body: { email, password } })).body.access_token;
    const [loggedOut, disabled] = [await login(), await login()];
    await auth.send('POST', '/auth/logout', { token: loggedOut });
    expect(await orders.exchange(loggedOut)).toMatchObject(grantRefused);
    expect(await orders.exchange(disabled)).toMatchObject({ status: 200 });
    const admin = await auth.login('admin');
    const change = (method: string, path: string, body?: object) =>
      auth.send(method, `/admin/accounts/${id}/${path}`, { token: admin, ...(body && { body }) });
    await change('POST', 'disable');
    expect(await orders.exchange(disabled)).toMatchObject(grantRefused);
    await change('POST', 'enable');
    const demoted = await login();
    await change('PUT', 'roles', { roles: ['admin'] });
    expect(await orders.exchange(demoted)).toMatchObject(grantRefused);
  });

  it('if the account is disabled in the database alone', async () => {
    const token = await auth.login();
    await auth.owner.query('UPDATE account SET disabled_at = now() WHERE id = $1', [claimsOf(token)['sub']]);
    expect(await orders.exchange(token)).toMatchObject(grantRefused);
  });

  it('if a revocation in the database names it, its first token or a client of it', async () => {
    const token = await auth.login();
    const { jti } = claimsOf(token);
    const later = await signed(token, {
      txn: 'the-first',
      client_id: 'inventory',
      act: chainOf('inventory'),
    });
    const revoked = async (kind: string, value: unknown, subject: string) => {
      await auth.owner.query(
        `INSERT INTO revocation (n, kind, value, jws, created_at, expires_at, stream)
         VALUES (999, $1, $2, 'none', now(), now() + interval '5 minutes', 'none')`,
        [kind, value],
      );
      const answer = await orders.exchange(subject);
      await auth.owner.query('DELETE FROM revocation WHERE n = 999');
      return answer;
    };
    expect(await revoked('jti', jti, token)).toMatchObject(grantRefused);
    expect(await revoked('jti', 'the-first', later)).toMatchObject(grantRefused);
    expect(await revoked('client_id', 'web', token)).toMatchObject(grantRefused);
    expect(await revoked('client_id', 'inventory', later)).toMatchObject(grantRefused);
    expect(await revoked('sid', claimsOf(token)['sid'], token)).toMatchObject(grantRefused);
    expect(await revoked('jti', 'another', token)).toMatchObject({ status: 200 });
    expect(await orders.exchange(later)).toMatchObject({ status: 200 });
  });

  it('if a client of its chain is disabled or unknown', async () => {
    const token = await auth.login();
    const later = await signed(token, { act: chainOf('inventory') });
    const stranger = await signed(token, { act: chainOf('inventory', 'billing') });
    expect(await orders.exchange(stranger)).toMatchObject(grantRefused);
    await inventory.disable();
    expect(await orders.exchange(later)).toMatchObject(grantRefused);
    expect(await orders.exchange(token)).toMatchObject({ status: 200 });
    await inventory.enable();
    expect(await orders.exchange(later)).toMatchObject({ status: 200 });
  });

  it('if its chain is too long', async () => {
    const token = await auth.login();
    const names = ['inventory', 'orders', 'inventory', 'orders'];
    const [good, long] = [chainOf(...names.slice(1)), chainOf(...names)];
    expect(await orders.exchange(await signed(token, { act: good }))).toMatchObject({ status: 200 });
    expect(await orders.exchange(await signed(token, { act: long }))).toMatchObject(grantRefused);
  });

  it('if its key is revoked, also at a replica that has not heard of it', async () => {
    const [token, admin] = [await auth.login(), await auth.login('admin')];
    expect(await orders.exchange(token, {}, other)).toMatchObject({ status: 200 });
    // NATS is away, and no round of its own comes any more.
    await other.app.get(KeyCustodianService, { strict: false }).onModuleDestroy();
    const { kid } = decodeProtectedHeader(token);
    const body = { reason: 'compromised' };
    await auth.send('POST', `/admin/keys/${kid}/revoke`, { token: admin, body });
    expect(await other.send('GET', '/auth/me', { token })).toMatchObject({ status: 200 });
    for (const at of [auth, other]) expect(await orders.exchange(token, {}, at)).toMatchObject(grantRefused);
  });
});

it('neither token is in the log, which is at its most detailed', async () => {
  const token = await auth.login();
  const { body } = await orders.exchange(token);
  await orders.exchange(`${token}x`);
  await orders.post({ grant_type: EXCHANGE, subject_token: token });
  const logged = auth.logged();
  expect(logged).toContain('token.exchanged');
  for (const secret of [...token.split('.').slice(1), ...body.access_token.split('.').slice(1)])
    expect(logged).not.toContain(secret);
});
