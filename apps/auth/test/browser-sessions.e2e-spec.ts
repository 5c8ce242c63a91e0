/** Sessions of browsers: the refresh token in a cookie, the proof against CSRF, and CORS with credentials. */
import { describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { eventually, type Answer } from '#testing';
import { authWithVerifier } from './auth-with-verifier.js';

const ORIGIN = 'https://app.example';
const COOKIE =
  /^__Secure-refresh=([\w-]{64}); Max-Age=(\d+); Path=\/auth; HttpOnly; Secure; SameSite=Strict$/;
const WEEK = 7 * 24 * 3600;

const system = authWithVerifier({ corsAllowedOrigins: [ORIGIN] });

interface Browser {
  readonly access: string;
  /** The refresh token in its cookie. */
  readonly token: string;
}

function browserOf(answer: Answer): Browser {
  expect(answer.status).toBe(200);
  const [, token] = COOKIE.exec(answer.headers.get('set-cookie') ?? '') ?? [];
  expect(token).toBeDefined();
  return { access: answer.body.access_token, token: token! };
}

async function login(more: object = { cookie: true }): Promise<Answer> {
  const { email, password } = await system.auth.account();
  return system.auth.send('POST', '/auth/login', { body: { email, password, ...more } });
}
const browser = async () => browserOf(await login());

/** Sends a cookie as a page of ours does. */
const withCookie = (
  path: string,
  cookie: string,
  { body, headers }: { body?: object; headers?: Record<string, string> } = {},
) =>
  system.auth.send('POST', path, {
    headers: { cookie, 'x-csrf-protection': '1', ...headers },
    ...(body && { body }),
  });
const cookieOf = ({ token }: Browser) => `__Secure-refresh=${token}`;
const refresh = (from: Browser, body?: object) =>
  withCookie('/auth/refresh', cookieOf(from), body ? { body } : {});
const logout = (from: Browser) => withCookie('/auth/logout', cookieOf(from));

const isLive = async ({ access }: Browser) =>
  (await system.auth.send('GET', '/auth/me', { token: access })).status === 200;
const usedOf = async ({ access }: Browser) =>
  (
    await system.auth.owner.query('SELECT used FROM refresh_family WHERE session_id = $1', [
      decodeJwt(access)['sid'],
    ])
  )[0].used;

describe('a login of a browser', () => {
  it('puts the refresh token in a cookie, and the access token alone in the body', async () => {
    const answer = await login();
    const [, , maxAge] = COOKIE.exec(answer.headers.get('set-cookie')!)!;
    expect(maxAge).toBe(String(WEEK));
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'orders:read orders:write',
    });
  });

  it('is only made where it is asked for', async () => {
    for (const more of [{}, { cookie: false }]) {
      const answer = await login(more);
      expect(answer.headers.get('set-cookie')).toBeNull();
      expect(answer.body.refresh_token).toMatch(/^[\w-]{64}$/);
    }
  });
});

describe('a refresh with the cookie', () => {
  it('gives the next cookie, and an access token for any audience of the account', async () => {
    const first = await browser();
    const answer = await refresh(first);
    expect(answer.body).not.toHaveProperty('refresh_token');
    const second = browserOf(answer);
    expect(second.token).not.toBe(first.token);
    expect(decodeJwt(second.access)['sid']).toBe(decodeJwt(first.access)['sid']);
    expect(browserOf(await refresh(second, { audience: 'orders' })).token).not.toBe(second.token);
  });

  it('of two tabs at the same time gives both the same cookie', async () => {
    const first = await browser();
    const tabs = (await Promise.all([refresh(first), refresh(first)])).map(browserOf);
    expect(tabs[0]!.token).toBe(tabs[1]!.token);
    browserOf(await refresh(tabs[0]!));
  });

  it('lets the cookie end with the session', async () => {
    const first = await browser();
    await system.auth.owner.query(
      `UPDATE session SET created_at = created_at - interval '29 days' WHERE id = $1`,
      [decodeJwt(first.access)['sid']],
    );
    const [, , maxAge] = COOKIE.exec((await refresh(first)).headers.get('set-cookie')!)!;
    expect(Number(maxAge)).toBeGreaterThan(86_300);
    expect(Number(maxAge)).toBeLessThanOrEqual(86_400);
  });

  it('sets no cookie when it refuses, because another tab may have a newer one', async () => {
    const first = await browser();
    const second = browserOf(await refresh(first));
    browserOf(await refresh(second));
    const superseded = await refresh(first);
    expect(superseded).toMatchObject({ status: 409, body: { code: 'refresh_superseded' } });
    const invalid = await withCookie('/auth/refresh', '__Secure-refresh=');
    expect(invalid).toMatchObject({ status: 400, body: { code: 'invalid_grant' } });
    for (const { headers } of [superseded, invalid]) expect(headers.get('set-cookie')).toBeNull();
  });

  it.each([
    ['two cookies', (a: string) => ({ cookie: `${a}; ${a}` }), '__Secure-refresh'],
    [
      'two cookies around another',
      (a: string) => ({ cookie: `${a};x=1;__Secure-refresh=` }),
      '__Secure-refresh',
    ],
    ['a cookie and a body', (a: string) => ({ cookie: a, body: { refresh_token: a } }), 'refresh_token'],
    ['neither', () => ({ cookie: 'x=1; __Secure-refresh2=a; a__Secure-refresh=b' }), 'refresh_token'],
  ])('refuses %s, and uses no token', async (_, parts, field) => {
    const first = await browser();
    const { cookie, body } = parts(cookieOf(first)) as { cookie: string; body?: object };
    expect(await withCookie('/auth/refresh', cookie, body ? { body } : {})).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', errors: [{ field }] },
    });
    expect(await usedOf(first)).toEqual([]);
  });

  it('takes no cookie with a no-break space, which a browser lets any page of the domain set', async () => {
    const first = await browser();
    const nbsp = String.fromCharCode(0xa0);
    for (const cookie of [nbsp + cookieOf(first), cookieOf(first) + nbsp]) {
      const answer = await withCookie('/auth/refresh', cookie);
      expect(answer).toMatchObject({ status: 400 });
    }
    expect(await usedOf(first)).toEqual([]);
    // Beside the good one it changes nothing.
    browserOf(await withCookie('/auth/refresh', `${nbsp}${cookieOf(first)}; ${cookieOf(first)}`));
  });

  it('finds the cookie among others', async () => {
    const first = await browser();
    browserOf(await withCookie('/auth/refresh', `a=1; ${cookieOf(first)};b="2"`));
  });
});

describe('a request with the cookie and without the proof against CSRF', () => {
  it.each(['/auth/refresh', '/auth/logout'])('is refused: %s', async (path) => {
    const first = await browser();
    for (const headers of [{}, { 'x-csrf-protection': '' }]) {
      const answer = await system.auth.send('POST', path, {
        headers: { cookie: cookieOf(first), ...headers },
      });
      expect(answer).toMatchObject({ status: 403, body: { code: 'csrf_proof_missing' } });
      expect(answer.headers.get('set-cookie')).toBeNull();
    }
    expect(await usedOf(first)).toEqual([]);
    expect(await isLive(first)).toBe(true);
  });

  it.each(['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x'])(
    'is refused as a form of another page: %s',
    async (type) => {
      const first = await browser();
      const answer = await system.auth.send('POST', '/auth/refresh', {
        headers: { cookie: cookieOf(first), 'content-type': type },
        body: 'a=1',
      });
      expect(answer.status).toBe(415);
      expect(await usedOf(first)).toEqual([]);
    },
  );
});

describe('a logout with the cookie', () => {
  it('ends the session at every service, without an access token', async () => {
    const first = await browser();
    expect(system.orders.judge(first.access)).toMatchObject({ aud: 'orders' });
    const answer = await logout(first);
    expect(answer.status).toBe(204);
    expect(answer.headers.get('set-cookie')).toBe(
      '__Secure-refresh=; Max-Age=0; Path=/auth; HttpOnly; Secure; SameSite=Strict',
    );
    expect(await isLive(first)).toBe(false);
    await eventually(() => system.orders.judge(first.access) === 'revoked');
    expect((await refresh(first)).status).toBe(400);
  });

  it('takes a used refresh token, too', async () => {
    const first = await browser();
    const second = browserOf(await refresh(first));
    expect((await logout(first)).status).toBe(204);
    expect(await isLive(second)).toBe(false);
  });

  it('is done, where the session has ended already or the cookie is worth nothing', async () => {
    const first = await browser();
    await logout(first);
    for (const cookie of [cookieOf(first), '__Secure-refresh=', `__Secure-refresh=${'A'.repeat(64)}`]) {
      const answer = await withCookie('/auth/logout', cookie);
      expect(answer.status).toBe(204);
      expect(answer.headers.get('set-cookie')).toContain('Max-Age=0');
    }
  });

  it('with an access token beside it ends the session of the access token', async () => {
    const [mine, other] = [await browser(), await browser()];
    const logoutWith = (token: string) =>
      withCookie('/auth/logout', cookieOf(other), { headers: { authorization: `Bearer ${token}` } });
    expect((await logoutWith(mine.access)).status).toBe(204);
    expect([await isLive(mine), await isLive(other)]).toEqual([false, true]);
    expect(await logoutWith(mine.access)).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    expect(await isLive(other)).toBe(true);
  });

  it('refuses two cookies', async () => {
    const first = await browser();
    const answer = await withCookie('/auth/logout', `${cookieOf(first)}; ${cookieOf(first)}`);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(await isLive(first)).toBe(true);
  });
});

describe('CORS with credentials', () => {
  const preflight = (origin: string) =>
    fetch(`${system.auth.url}/auth/refresh`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-csrf-protection',
      },
    });

  it('is for the allowed origins', async () => {
    const { headers } = await preflight(ORIGIN);
    expect(headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect(headers.get('access-control-allow-headers')).toContain('x-csrf-protection');
    const first = await browser();
    const answer = await withCookie('/auth/refresh', cookieOf(first), { headers: { origin: ORIGIN } });
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
  });

  it.each(['https://evil.example', 'https://app.example:8443', 'http://app.example', 'null'])(
    'is not for %s',
    async (origin) => {
      const { headers } = await preflight(origin);
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('access-control-allow-credentials')).toBeNull();
    },
  );
});
