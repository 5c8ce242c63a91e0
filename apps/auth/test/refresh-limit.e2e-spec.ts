/** A flood of refreshes from one address. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;

beforeAll(async () => {
  auth = await startAuth({ settings: { refreshesPerAddress: 3 } });
});
afterAll(() => auth?.close());

it('is refused beyond the limit, and a refused refresh uses no token', async () => {
  const { email, password } = await auth.account();
  const { body } = await auth.send('POST', '/auth/login', { body: { email, password } });
  const refresh = (token: string) => auth.send('POST', '/auth/refresh', { body: { refresh_token: token } });
  for (let n = 0; n < 3; n += 1) expect((await refresh('x'.repeat(64))).status).toBe(400);
  const refused = await refresh(body.refresh_token);
  expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_refreshes' } });
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThanOrEqual(60);
  const [family] = await auth.owner.query<{ used: unknown[] }[]>('SELECT used FROM refresh_family');
  expect(family!.used).toEqual([]);
  // In the next minute.
  await auth.owner.query(`DELETE FROM failed_login WHERE key LIKE 'refresh:%'`);
  expect((await refresh(body.refresh_token)).status).toBe(200);
});

it('holds for a logout with the refresh cookie, too, and a refused logout ends no session', async () => {
  const { email, password } = await auth.account();
  const { body, headers } = await auth.send('POST', '/auth/login', {
    body: { email, password, cookie: true },
  });
  const logout = (cookie: string) =>
    auth.send('POST', '/auth/logout', { headers: { cookie, 'x-csrf-protection': '1' } });
  await auth.owner.query(`DELETE FROM failed_login WHERE key LIKE 'refresh:%'`);
  for (let n = 0; n < 3; n += 1) expect((await logout('__Secure-refresh=x')).status).toBe(204);
  const cookie = headers.get('set-cookie')!.split(';', 1)[0]!;
  expect(await logout(cookie)).toMatchObject({ status: 429, body: { code: 'too_many_refreshes' } });
  expect((await auth.send('GET', '/auth/me', { token: body.access_token })).status).toBe(200);
});
