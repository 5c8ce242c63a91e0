/** auth that encrypts the tokens for orders. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compactDecrypt, decodeJwt, decodeProtectedHeader } from 'jose';
import { createTestRecipient } from '#testing';
import { readEncryptionKey } from '#trust';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { registerClient } from './oauth-client.js';

const orders = createTestRecipient();

describe('auth with an encryption key for orders', () => {
  let auth: AuthFixture;
  beforeAll(async () => {
    const encryptFor = new Map([['orders', readEncryptionKey(orders.publicJwk)]]);
    auth = await startAuth({ settings: { encryptFor } });
  });
  afterAll(() => auth?.close());

  const logIn = async (role: 'admin' | 'customer' = 'customer', audience?: string) => {
    const { email, password } = await auth.account(role);
    const { body } = await auth.send('POST', '/auth/login', {
      body: { email, password, ...(audience && { audience }) },
    });
    return body as { access_token: string; refresh_token: string };
  };
  const claimsIn = async (token: string) =>
    decodeJwt(Buffer.from((await compactDecrypt(token, orders.privateKey)).plaintext).toString());

  it('encrypts them at a login and at a refresh, and at no other audience', async () => {
    const first = await logIn();
    expect(await claimsIn(first.access_token)).toMatchObject({ aud: 'orders', roles: ['customer'] });
    const { body } = await auth.send('POST', '/auth/refresh', {
      body: { refresh_token: first.refresh_token },
    });
    expect(decodeProtectedHeader(body.access_token)).toMatchObject({ cty: 'JWT', kid: orders.kid });
    expect((await claimsIn(body.access_token)).sid).toBe((await claimsIn(first.access_token)).sid);
    expect(decodeJwt((await logIn('admin', 'inventory')).access_token)).toMatchObject({ aud: 'inventory' });
  });

  it('answers 401 to one at its own routes, because it cannot read it', async () => {
    const { access_token: token } = await logIn();
    for (const [method, path] of [
      ['GET', '/auth/me'],
      ['POST', '/auth/logout'],
      ['POST', '/auth/logout-all'],
      ['GET', '/auth/sessions'],
      ['GET', '/admin/keys'],
    ] as const) {
      const answer = await auth.send(method, path, { token });
      expect([path, answer.status, answer.body.code]).toEqual([path, 401, 'invalid_token']);
    }
  });

  it('calls one inactive at the introspection endpoint, but not the signed token inside', async () => {
    const client = await registerClient(auth, 'orders');
    const { access_token: token } = await logIn();
    expect((await client.introspect(token)).body).toEqual({ active: false });
    const signed = Buffer.from((await compactDecrypt(token, orders.privateKey)).plaintext).toString();
    expect((await client.introspect(signed)).body).toMatchObject({ active: true, aud: 'orders' });
  });

  it('gives a customer a token for auth, by which the customer sees and ends the session and does nothing else', async () => {
    const { refresh_token } = await logIn();
    const refresh = (more = {}) =>
      auth.send('POST', '/auth/refresh', { body: { refresh_token, audience: 'auth', ...more } });
    const { body } = await refresh();
    expect(body.scope).toBe('');
    const token = body.access_token;
    expect(decodeJwt(token)).toMatchObject({ aud: 'auth', scope: '', roles: ['customer'] });
    expect((await auth.send('GET', '/auth/me', { token })).status).toBe(200);
    expect(await auth.send('GET', '/admin/keys', { token })).toMatchObject({
      status: 403,
      body: { code: 'insufficient_scope' },
    });
    expect((await auth.send('POST', '/auth/logout', { token })).status).toBe(204);
    expect((await refresh()).status).toBe(400);
    expect((await logIn('customer', 'auth')).access_token).toEqual(expect.any(String));
  });

  it('gives a token without a scope for no other audience', async () => {
    for (const [role, audience] of [
      ['admin', 'orders'],
      ['customer', 'inventory'],
      ['customer', 'nowhere'],
    ] as const) {
      const { email, password } = await auth.account(role);
      const answer = await auth.send('POST', '/auth/login', { body: { email, password, audience } });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_target' } });
    }
  });

  it('takes the tokens of audiences whose tokens are only signed, as before', async () => {
    const { access_token: token } = await logIn('admin', 'auth');
    expect((await auth.send('GET', '/auth/me', { token })).status).toBe(200);
    expect((await auth.send('POST', '/auth/logout', { token })).status).toBe(204);
    expect((await auth.send('GET', '/auth/me', { token })).status).toBe(401);
  });
});
