import { randomUUID, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { algorithmNames, type AlgorithmName } from '#jws';
import { readAnchor } from '#statements';
import { signCompact } from '#testing';
import { createVerifyAccessToken, KeyRing } from '#trust';
import { KeySeal } from '../src/keys/key-seal.js';
import { SigningKey } from '../src/keys/signing-key.entity.js';
import { startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;
beforeAll(async () => {
  auth = await startAuth();
});
afterAll(() => auth?.close());

const me = (token: string) => auth.send('GET', '/auth/me', { token });
const adminKeys = (token: string) => auth.send('GET', '/admin/keys', { token });

describe('an access token (RFC 9068)', () => {
  it('has a header of exactly typ, alg and kid, and the claims of its kind', async () => {
    const { id, email, password } = await auth.account();
    const [{ since }] = await auth.owner.query<[{ since: number }]>(
      'SELECT floor(extract(epoch FROM created_at))::int AS since FROM account WHERE id = $1',
      [id],
    );
    const { body } = await auth.send('POST', '/auth/login', { body: { email, password } });
    const jwks = createLocalJWKSet((await auth.send('GET', '/.well-known/jwks.json')).body);
    const { payload, protectedHeader } = await jwtVerify(body.access_token, jwks, {
      typ: 'at+jwt',
      issuer: auth.settings.issuer,
      audience: 'orders',
    });
    expect(protectedHeader).toEqual({ typ: 'at+jwt', alg: 'ES256', kid: expect.any(String) });
    expect(payload).toEqual({
      iss: auth.settings.issuer,
      sub: id,
      aud: 'orders',
      client_id: 'web',
      scope: 'orders:read orders:write',
      roles: ['customer'],
      sid: expect.any(String),
      jti: expect.any(String),
      iat: expect.any(Number),
      exp: payload.iat! + 300,
      'https://issuer.test/claims/account_since': since,
    });
    expect(Math.abs(payload.iat! - Date.now() / 1000)).toBeLessThan(5);
  });

  it('names another session and another jti at each login', async () => {
    const { email, password } = await auth.account();
    const claims = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const { body } = await auth.send('POST', '/auth/login', { body: { email, password } });
        return decodeJwt(body.access_token);
      }),
    );
    expect(new Set(claims.map(({ sid }) => sid)).size).toBe(3);
    expect(new Set(claims.map(({ jti }) => jti)).size).toBe(3);
  });

  it('is for the audience that is asked for, with the scopes of that', async () => {
    const claims = decodeJwt(await auth.login('admin', 'inventory'));
    expect(claims).toMatchObject({ aud: 'inventory', scope: 'inventory:write', roles: ['admin'] });
    expect(decodeJwt(await auth.login('admin'))).toMatchObject({
      aud: 'auth',
      scope: 'keys:manage accounts:manage',
    });
  });

  it('counts in the metrics how long signing took', async () => {
    const counted = async () => {
      const { text } = await auth.send('GET', '/metrics');
      return Number(/^auth_token_signing_seconds_count (\d+)$/m.exec(text)?.[1]);
    };
    const before = await counted();
    await auth.login();
    expect(await counted()).toBe(before + 1);
  });

  it.each(['auth', 'inventory', 'nowhere', '__proto__', 'constructor', 'orders ', 'ORDERS'])(
    'is not given to a customer for %j, and no session begins',
    async (audience) => {
      const { id, email, password } = await auth.account();
      const answer = await auth.send('POST', '/auth/login', { body: { email, password, audience } });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_target' } });
      expect(await auth.owner.query('SELECT 1 FROM session WHERE account_id = $1', [id])).toEqual([]);
    },
  );
});

describe("auth's own routes", () => {
  it('take a token for any audience at /auth/me, and only their own at /admin', async () => {
    const [orders, inventory, own] = [
      await auth.login(),
      await auth.login('admin', 'inventory'),
      await auth.login('admin'),
    ];
    for (const token of [orders, inventory, own]) expect((await me(token)).status).toBe(200);
    for (const token of [orders, inventory]) {
      expect(await adminKeys(token)).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    }
    expect((await adminKeys(own)).status).toBe(200);
  });

  it.each([
    ['GET', '/admin/keys'],
    ['GET', '/admin/verifiers'],
    ['POST', '/admin/keys/rotate'],
    ['POST', '/admin/keys/x/revoke'],
    ['POST', '/admin/rotations/current/proceed'],
    ['POST', '/admin/rotations/current/abort'],
    ['GET', '/admin/clients'],
    ['POST', '/admin/clients/x/disable'],
    ['POST', '/admin/clients/x/enable'],
    ['POST', '/admin/accounts/x/disable'],
    ['POST', '/admin/accounts/x/enable'],
    ['PUT', '/admin/accounts/x/roles'],
    ['PUT', '/auth/password'],
    ['GET', '/auth/me'],
    ['GET', '/auth/sessions'],
    ['POST', '/auth/logout-all'],
    ['POST', '/auth/logout'],
    ['DELETE', '/auth/sessions/x'],
  ])('are closed: %s %s', async (method, path) => {
    const bare = await auth.send(method, path);
    expect(bare.status).toBe(401);
    expect(bare.headers.get('www-authenticate')).toBe('Bearer');
    const customer = await auth.send(method, path, { token: await auth.login() });
    // Whoever logged in may come in here, with any audience.
    expect(customer.status === 401).toBe(!path.startsWith('/auth/'));
  });

  it('show no private half of a key', async () => {
    const { text, body } = await adminKeys(await auth.login('admin'));
    expect(text).not.toMatch(/"(seal|d|p|q|dp|dq|qi|k)"/);
    const rows = await auth.owner.query<{ seal: string }[]>('SELECT seal FROM signing_key');
    for (const { seal } of rows) expect(text).not.toContain(seal.split('.')[1]);
    const statuses = body.keys.map(({ status }: { status: string }) => status);
    expect(statuses.sort()).toEqual(['active', 'prepared']);
  });

  it('refuse a session that has ended', async () => {
    const token = await auth.login();
    expect((await me(token)).status).toBe(200);
    await auth.owner.query('UPDATE session SET ended_at = now() WHERE id = $1', [decodeJwt(token)['sid']]);
    expect(await me(token)).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
  });

  it('refuse an account that was disabled', async () => {
    const token = await auth.login('admin');
    await auth.owner.query('UPDATE account SET disabled_at = now() WHERE id = $1', [decodeJwt(token).sub]);
    expect((await me(token)).status).toBe(401);
    expect((await adminKeys(token)).status).toBe(401);
  });

  it('refuse a token with a role that was taken away', async () => {
    const token = await auth.login('admin');
    await auth.owner.query(`UPDATE account SET roles = '{customer}' WHERE id = $1`, [decodeJwt(token).sub]);
    expect((await adminKeys(token)).status).toBe(401);
    expect((await me(token)).status).toBe(401);
  });
});

describe('a thief of the signing key', () => {
  /** The active key, opened: what a thief would hold. */
  async function stolen(): Promise<{ kid: string; alg: 'ES256'; privateKey: KeyObject }> {
    const key = await auth.dataSource.getRepository(SigningKey).findOneByOrFail({ status: 'active' });
    const privateKey = new KeySeal(auth.settings.keyEncryptionKey).open(key)!;
    return { kid: key.kid, alg: 'ES256', privateKey };
  }

  async function forge(claims: Record<string, unknown>): Promise<string> {
    const key = await stolen();
    const genuine = decodeJwt(await auth.login());
    const payload = { ...genuine, jti: randomUUID(), ...claims };
    return signCompact({ typ: 'at+jwt', alg: key.alg, kid: key.kid }, payload, key);
  }

  it('can sign what looks genuine', async () => {
    expect((await me(await forge({}))).status).toBe(200);
  });

  it('is not let in with a role too many', async () => {
    expect((await me(await forge({ roles: ['customer', 'admin'] }))).status).toBe(401);
  });

  it.each<[string, Record<string, unknown>]>([
    ['the role that the account lacks', { roles: ['admin'] }],
    ['the scope alone, and no role', { roles: undefined }],
    ['the scope, and the role that the account has', {}],
    ['the scope among others', { scope: 'orders:read keys:manage' }],
    ['no session', { sid: undefined }],
    ['a session that there is not', { sid: randomUUID() }],
    ['a session that is no UUID', { sid: "x' OR true --" }],
    ['a session with a NUL', { sid: '\0' }],
    ["another's session", { sub: randomUUID() }],
  ])('is no administrator with %s', async (_name, claims) => {
    const token = await forge({ aud: 'auth', scope: 'keys:manage', ...claims });
    expect((await adminKeys(token)).status).toBe(401);
  });
});

describe.each(algorithmNames.filter((alg) => alg !== 'ES256'))(
  'with SIGNING_ALG=%s',
  (alg: AlgorithmName) => {
    it('signs tokens that jose and #trust verify, and keeps a standby of the same algorithm', async () => {
      const issuer = await startAuth({ settings: { signingAlg: alg } });
      try {
        const token = await issuer.login();
        expect(decodeProtectedHeader(token)).toMatchObject({ alg, typ: 'at+jwt' });
        const jwks = (await issuer.send('GET', '/.well-known/jwks.json')).body;
        expect(jwks.keys.map((key: { alg: string }) => key.alg)).toEqual([alg, alg]);
        await expect(jwtVerify(token, createLocalJWKSet(jwks), { typ: 'at+jwt' })).resolves.toBeDefined();

        const anchors = issuer.settings.trustAnchorPublic.map(readAnchor);
        const ring = new KeyRing({ issuer: issuer.settings.issuer, anchors });
        expect(ring.accept((await issuer.send('GET', '/.well-known/keyset')).text, 'http')).toBeUndefined();
        const verify = createVerifyAccessToken({ ring });
        expect(verify(token, { audience: 'orders', scopes: ['orders:write'] })).toMatchObject({
          aud: 'orders',
        });
        expect((await issuer.send('GET', '/auth/me', { token })).status).toBe(200);
      } finally {
        await issuer.close();
      }
    });
  },
);
