/** A session lasts as long as its tokens; then it is not live, and after a day its row goes. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;

beforeAll(async () => {
  auth = await startAuth();
}, 60_000);
afterAll(() => auth?.close());

interface TestAccount {
  readonly id: string;
  readonly email: string;
  readonly password: string;
}

const login = async ({ email, password }: TestAccount): Promise<string> =>
  (await auth.send('POST', '/auth/login', { body: { email, password } })).body.access_token;
const sidOf = (token: string) => decodeJwt(token)['sid'] as string;
const expire = (token: string, age: string) =>
  auth.owner.query(`UPDATE session SET expires_at = clock_timestamp() - $2::interval WHERE id = $1`, [
    sidOf(token),
    age,
  ]);
const listed = async (token: string): Promise<string[]> => {
  const { body } = await auth.send('GET', '/auth/sessions', { token });
  return body.items.map(({ sid }: { sid: string }) => sid);
};
const sidsOf = async ({ id }: TestAccount): Promise<string[]> => {
  const rows = await auth.owner.query<{ id: string }[]>(
    'SELECT id FROM session WHERE account_id = $1 ORDER BY created_at',
    [id],
  );
  return rows.map((row) => row.id);
};

it('a session lasts as long as its refresh token, and knows until when a verifier accepts its access token', async () => {
  const token = await auth.login();
  const [row] = await auth.owner.query<{ expires_at: Date; token_expires_at: Date; refreshable: Date }[]>(
    `SELECT s.expires_at, s.token_expires_at, f.expires_at AS refreshable
       FROM session s JOIN refresh_family f ON f.session_id = s.id WHERE s.id = $1`,
    [sidOf(token)],
  );
  const { expires_at: expiresAt, token_expires_at: tokenExpiresAt, refreshable } = row!;
  expect(tokenExpiresAt.getTime() / 1000).toBe(decodeJwt(token).exp! + 2 * auth.settings.clockSkewSeconds);
  expect(expiresAt).toEqual(refreshable);
});

it('a session that a replica of before this column writes lasts as long as any token may', async () => {
  const { id } = await auth.account();
  const [row] = await auth.owner.query<{ seconds: number; tokenSeconds: number }[]>(
    `INSERT INTO session (id, account_id, created_at, ended_at) VALUES (DEFAULT, $1, now(), DEFAULT)
     RETURNING extract(epoch FROM expires_at - now())::float8 AS seconds,
       extract(epoch FROM token_expires_at - now())::float8 AS "tokenSeconds"`,
    [id],
  );
  expect(row!.seconds).toBe(3_600 + 2 * 5);
  expect(row!.tokenSeconds).toBe(3_600 + 2 * 5);
});

describe('a session that has expired', () => {
  it('is not listed, and cannot be ended', async () => {
    const account = await auth.account();
    const [old, present] = [await login(account), await login(account)];
    await expire(old, '1 second');
    expect(await listed(present)).toEqual([sidOf(present)]);
    expect(await auth.send('DELETE', `/auth/sessions/${sidOf(old)}`, { token: present })).toMatchObject({
      status: 404,
      body: { code: 'session_not_found' },
    });
  });

  it('lets nobody in, though its token looks good, as one of a thief of the signing key does', async () => {
    const token = await auth.login();
    await expire(token, '1 second');
    expect((await auth.send('GET', '/auth/me', { token })).status).toBe(401);
  });

  it('is not revoked when all sessions of the account end', async () => {
    const account = await auth.account();
    const [old, present] = [await login(account), await login(account)];
    await expire(old, '1 second');
    expect((await auth.send('POST', '/auth/logout-all', { token: present })).status).toBe(204);
    const revoked = await auth.owner.query<{ value: string }[]>(
      'SELECT value FROM revocation WHERE value = ANY($1)',
      [[sidOf(old), sidOf(present)]],
    );
    expect(revoked).toEqual([{ value: sidOf(present) }]);
  });

  it('does not count among the 100 of an account', async () => {
    const account = await auth.account();
    const present = await login(account);
    await auth.owner.query(
      `INSERT INTO session (account_id, created_at, expires_at)
       SELECT $1, clock_timestamp() + interval '1 minute', clock_timestamp() FROM generate_series(1, 99)`,
      [account.id],
    );
    await login(account);
    expect((await auth.send('GET', '/auth/me', { token: present })).status).toBe(200);
  });

  it('is removed a day later, ended or not, some with each login', async () => {
    const account = await auth.account();
    const tokens = [await login(account), await login(account), await login(account), await login(account)];
    const [ended, silent, young, present] = tokens as [string, string, string, string];
    await auth.send('POST', '/auth/logout', { token: ended });
    await expire(ended, '25 hours');
    await expire(silent, '25 hours');
    await expire(young, '23 hours');
    await auth.login();
    expect(await sidsOf(account)).toEqual([sidOf(young), sidOf(present)]);
  });

  it('is removed with at most a hundred others at once', async () => {
    const account = await auth.account();
    await auth.owner.query(
      `INSERT INTO session (account_id, created_at, expires_at)
       SELECT $1, clock_timestamp(), clock_timestamp() - interval '2 days' FROM generate_series(1, 150)`,
      [account.id],
    );
    await auth.login();
    expect(await sidsOf(account)).toHaveLength(50);
    await auth.login();
    expect(await sidsOf(account)).toEqual([]);
  });
});
