/** The token endpoint: what it reads, what it answers, and the tokens that a service gets for itself. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { eventually } from '#testing';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { oauthError, postForm, registerClient, type Parameters } from './oauth-client.js';

let auth: AuthFixture;
let orders: Awaited<ReturnType<typeof registerClient>>;
let inventory: typeof orders;
beforeAll(async () => {
  auth = await startAuth();
  orders = await registerClient(auth, 'orders');
  inventory = await registerClient(auth, 'inventory');
}, 60_000);
afterAll(() => auth?.close());

describe('a client gets a token for itself (RFC 6749 §4.4, RFC 9068)', () => {
  it('whose subject is the client, without a session, a role and an actor', async () => {
    const { status, body, headers } = await orders.credentials();
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'inventory:reserve',
    });
    expect(headers.get('cache-control')).toBe('no-store');
    // RFC 6749 §5.1 asks for both.
    expect(headers.get('pragma')).toBe('no-cache');
    expect(decodeProtectedHeader(body.access_token)).toMatchObject({ typ: 'at+jwt', alg: 'ES256' });
    const claims = decodeJwt(body.access_token);
    expect(claims).toEqual({
      iss: auth.settings.issuer,
      ...{ sub: 'orders', aud: 'inventory', client_id: 'orders', scope: 'inventory:reserve' },
      ...{ iat: expect.any(Number), exp: claims.iat! + 300, jti: expect.any(String) },
    });
  });

  it.each<[string, Parameters]>([
    ['by name', { audience: 'inventory' }],
    ['by URL', { audience: undefined, resource: 'https://inventory.test' }],
    ['by URL with a slash', { audience: undefined, resource: 'https://inventory.test/' }],
    ['with the scope', { scope: 'inventory:reserve' }],
    ['with empty parameters', { scope: '', resource: '', client_secret: '', actor_token: '' }],
    ['with unknown parameters', { colour: 'red', response_type: 'token' }],
  ])('%s', async (_what, parameters) => {
    const { status, body } = await orders.credentials(parameters);
    expect({ status, scope: body.scope }).toEqual({ status: 200, scope: 'inventory:reserve' });
    expect(decodeJwt(body.access_token).aud).toBe('inventory');
  });

  it('that opens no route of auth', async () => {
    const { body } = await orders.credentials();
    for (const [method, path] of [
      ['GET', '/auth/me'],
      ['POST', '/auth/logout-all'],
      ['GET', '/admin/keys'],
    ] as const)
      expect(await auth.send(method, path, { token: body.access_token })).toMatchObject({
        status: 401,
        body: { code: 'invalid_token' },
      });
  });
});

describe('a request is refused', () => {
  it.each<[string, Parameters, string]>([
    ['without a grant type', { grant_type: undefined }, 'invalid_request'],
    ['with an empty grant type', { grant_type: '' }, 'invalid_request'],
    ['with a password', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['with a code', { grant_type: 'authorization_code' }, 'unsupported_grant_type'],
    ['with a grant type of Object', { grant_type: 'constructor' }, 'unsupported_grant_type'],
    [
      'with a parameter twice',
      { grant_type: ['client_credentials', 'client_credentials'] },
      'invalid_request',
    ],
    ['with a scope twice', { scope: ['inventory:reserve', 'inventory:reserve'] }, 'invalid_request'],
    ['with a parameter twice, once empty', { scope: ['', 'inventory:reserve'] }, 'invalid_request'],
    ['with an unknown parameter twice', { colour: ['red', 'blue'] }, 'invalid_request'],
    ['with no target', { audience: undefined }, 'invalid_target'],
    ['with two targets', { audience: ['inventory', 'orders'] }, 'invalid_target'],
    [
      'with two resources',
      { audience: undefined, resource: ['https://inventory.test', 'https://orders.test'] },
      'invalid_target',
    ],
    ['with a name and a URL', { resource: 'https://inventory.test' }, 'invalid_target'],
    ['with an unknown name', { audience: 'billing' }, 'invalid_target'],
    ['with a name of Object', { audience: '__proto__' }, 'invalid_target'],
    [
      'with an unknown URL',
      { audience: undefined, resource: 'https://inventory.test/products' },
      'invalid_target',
    ],
    ['with the name as a URL', { audience: undefined, resource: 'inventory' }, 'invalid_target'],
    ['for itself', { audience: 'orders' }, 'invalid_target'],
    ['for auth', { audience: 'auth' }, 'invalid_target'],
    ['with an unknown scope', { scope: 'inventory:everything' }, 'invalid_scope'],
    ['with more scopes', { scope: 'inventory:reserve inventory:write' }, 'invalid_scope'],
    ['with a scope of another service', { scope: 'keys:manage' }, 'invalid_scope'],
    ['with two spaces', { scope: 'inventory:reserve  inventory:reserve' }, 'invalid_scope'],
  ])('%s', async (_what, parameters, error) => {
    expect(await orders.credentials(parameters)).toMatchObject(oauthError(error));
  });

  it('of a client that may call nobody', async () => {
    expect(await inventory.credentials({ audience: 'orders' })).toMatchObject(oauthError('invalid_target'));
  });

  it.each<[string, string, string]>([
    ['JSON', 'application/json', '{"grant_type":"client_credentials"}'],
    ['JSON in the form of a form', 'application/json', '[["grant_type","client_credentials"]]'],
    ['text', 'text/plain', 'grant_type=client_credentials'],
    ['a broken escape', 'application/x-www-form-urlencoded', 'grant_type=%zz'],
    ['what is not UTF-8', 'application/x-www-form-urlencoded', 'grant_type=%ff'],
    ['nothing', 'application/x-www-form-urlencoded', ''],
  ])('with %s', async (_what, type, body) => {
    const answer = await auth.send('POST', '/oauth/token', { headers: { 'content-type': type }, body });
    expect(answer).toMatchObject(oauthError('invalid_request'));
  });

  it('with 1 MB', async () => {
    const answer = await orders.credentials({ scope: 'x'.repeat(1_000_000) });
    expect(answer).toMatchObject(oauthError('invalid_request', 413));
  });

  it('by another method, as everywhere', async () => {
    expect(await auth.send('GET', '/oauth/token')).toMatchObject({
      status: 405,
      body: { code: 'method_not_allowed' },
    });
  });
});

describe('other routes', () => {
  it.each(['/auth/login', '/auth/refresh', '/auth/register'])('%s reads no form', async (path) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    expect(await auth.send('POST', path, { headers, body: 'email=a' })).toMatchObject({
      status: 415,
      body: { code: 'unsupported_media_type' },
    });
  });
});

describe('while the database is away', () => {
  it('the endpoint answers 503 in the form of OAuth, and works again afterwards', async () => {
    auth.database.shut();
    const answer = await orders.credentials();
    auth.database.open();
    expect(answer).toMatchObject(oauthError('temporarily_unavailable', 503));
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    await eventually(async () => (await orders.credentials()).status === 200);
  });
});

it('a disabled client gets no token, although it was authenticated before', async () => {
  const disabling = auth.owner.createQueryRunner();
  await disabling.startTransaction();
  await disabling.query(`UPDATE client SET disabled_at = now() WHERE id = 'orders'`);
  // The authentication reads the row as it was. The signature waits for the row.
  const asked = orders.credentials();
  await eventually(async () => {
    const waiting = (await disabling.query(
      'SELECT 1 FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid',
    )) as object[];
    return waiting.length > 0;
  });
  await disabling.commitTransaction();
  await disabling.release();
  expect(await asked).toMatchObject(oauthError('invalid_client'));
  await orders.enable();
  expect(await orders.credentials()).toMatchObject({ status: 200 });
});

it('neither an assertion nor a token is in the log, which is at its most detailed', async () => {
  const assertion = orders.assertion();
  const { body } = await orders.credentials({ client_assertion: assertion });
  await orders.credentials({ client_assertion: assertion });
  await postForm(auth, {
    grant_type: 'client_credentials',
    client_secret: 'a-client-secret-that-nobody-logs',
  });
  const logged = auth.logged();
  expect(logged).toContain('client_token.issued');
  for (const secret of [...assertion.split('.'), ...(body.access_token as string).split('.').slice(1)])
    expect(logged).not.toContain(secret);
  expect(logged).not.toContain('a-client-secret-that-nobody-logs');
});
