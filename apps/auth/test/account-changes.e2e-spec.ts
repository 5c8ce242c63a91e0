/** A new password and other roles: what becomes of the sessions and tokens from before. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { eventually } from '#testing';
import { PASSWORD } from './auth-fixture.js';
import { authWithVerifier } from './auth-with-verifier.js';

const NEW_PASSWORD = 'eight limes under a floor';

const system = authWithVerifier();
let admin: string;

beforeAll(async () => {
  admin = await system.auth.login('admin');
});

interface Pair {
  readonly access_token: string;
  readonly refresh_token: string;
}

const attempt = (email: string, password: string) =>
  system.auth.send('POST', '/auth/login', { body: { email, password } });
const login = async (email: string, password = PASSWORD): Promise<Pair> => {
  const { status, body } = await attempt(email, password);
  expect(status).toBe(200);
  return body;
};
const refresh = ({ refresh_token }: Pair, more: object = {}) =>
  system.auth.send('POST', '/auth/refresh', { body: { refresh_token, ...more } });
const me = async (token: string) => (await system.auth.send('GET', '/auth/me', { token })).status;
const sidOf = ({ access_token: token }: Pair) => decodeJwt(token)['sid'] as string;
const isRefused = ({ access_token: token }: Pair) =>
  eventually(() => system.orders.judge(token) === 'revoked');

describe('a change of the password', () => {
  const change = (token: string, body: unknown) => system.auth.send('PUT', '/auth/password', { token, body });

  it('ends the other sessions, and the old password is worth nothing', async () => {
    const { email } = await system.auth.account();
    const [mine, other] = [await login(email), await login(email)];
    const body = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
    expect((await change(mine.access_token, body)).status).toBe(204);
    await isRefused(other);
    expect(await me(other.access_token)).toBe(401);
    expect(await refresh(other)).toMatchObject({ status: 400, body: { code: 'invalid_grant' } });
    expect(await me(mine.access_token)).toBe(200);
    expect((await refresh(mine)).status).toBe(200);
    expect(await attempt(email, PASSWORD)).toMatchObject({
      status: 401,
      body: { code: 'invalid_credentials' },
    });
    await login(email, NEW_PASSWORD);
  });

  it('needs the present one, and a wrong one counts as a failed login', async () => {
    const { id, email } = await system.auth.account();
    const { access_token: token } = await login(email);
    const wrong = { currentPassword: 'not the right password', newPassword: NEW_PASSWORD };
    for (let n = 0; n < system.auth.settings.failedLoginsPerAccount; n += 1)
      expect(await change(token, wrong)).toMatchObject({
        status: 401,
        body: { code: 'invalid_credentials' },
      });
    expect(await change(token, wrong)).toMatchObject({
      status: 429,
      body: { code: 'too_many_failed_logins' },
    });
    const [row] = await system.auth.owner.query('SELECT ended_at FROM session WHERE account_id = $1', [id]);
    expect(row.ended_at).toBeNull();
  });

  it('refuses a weak new one, and nothing has changed', async () => {
    const { email } = await system.auth.account();
    const { access_token: token } = await login(email);
    const answer = await change(token, { currentPassword: PASSWORD, newPassword: 'short' });
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'password_refused', errors: [{ field: 'newPassword' }] },
    });
    await login(email);
  });

  it('twice at the same time from two sessions: one wins, and the other session has ended', async () => {
    const { email } = await system.auth.account();
    const [one, two] = [await login(email), await login(email)];
    const passwords = ['nine figs behind a door', 'ten plums beside a wall'];
    const answers = await Promise.all(
      [one, two].map(({ access_token: token }, index) =>
        change(token, { currentPassword: PASSWORD, newPassword: passwords[index] }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    const winner = statuses.indexOf(204);
    await login(email, passwords[winner]);
    expect(await me([two, one][winner]!.access_token)).toBe(401);
  });

  it('lets no login in that was checked before it and begins after it', async () => {
    const { id, email } = await system.auth.account();
    const runner = system.auth.owner.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT 1 FROM account WHERE id = $1 FOR UPDATE', [id]);
    const late = attempt(email, PASSWORD);
    await eventually(async () => {
      const waiting = await system.auth.owner.query(
        // Who waits for a row holds the lock of its tuple.
        `SELECT 1 FROM pg_locks WHERE locktype = 'tuple' AND relation = 'account'::regclass
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return waiting.length > 0;
    });
    await runner.query(
      `UPDATE account SET password_hash =
         (SELECT password_hash FROM account WHERE id = $2) WHERE id = $1`,
      [id, decodeJwt(admin).sub],
    );
    await runner.commitTransaction();
    await runner.release();
    expect(await late).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } });
    expect(await system.auth.owner.query('SELECT 1 FROM session WHERE account_id = $1', [id])).toEqual([]);
  });

  it.each([
    ['no present password', { newPassword: NEW_PASSWORD }, 'currentPassword'],
    ['no new password', { currentPassword: PASSWORD }, 'newPassword'],
    ['another field', { currentPassword: PASSWORD, newPassword: NEW_PASSWORD, email: 'x' }, 'email'],
  ])('refuses %s', async (_what, body, field) => {
    const token = await system.auth.login();
    expect(await change(token, body)).toMatchObject({ status: 400, body: { errors: [{ field }] } });
  });
});

describe('other roles', () => {
  const setRoles = (id: string, roles: unknown, token = admin) =>
    system.auth.send('PUT', `/admin/accounts/${id}/roles`, { token, body: { roles } });

  it('more of them leave every token good, and a refresh can use them', async () => {
    const { id, email } = await system.auth.account();
    const pair = await login(email);
    expect(await setRoles(id, ['customer', 'admin'])).toMatchObject({
      status: 200,
      body: { id, roles: ['customer', 'admin'] },
    });
    expect(system.orders.judge(pair.access_token)).toMatchObject({ sid: sidOf(pair) });
    const promoted = await refresh(pair, { audience: 'auth' });
    expect(promoted).toMatchObject({ status: 200, body: { scope: 'keys:manage accounts:manage' } });
    expect(sidOf(promoted.body)).toBe(sidOf(pair));
  });

  it('fewer of them refuse every token at once, and a refresh goes on with what is left', async () => {
    const { id, email } = await system.auth.account('admin');
    await setRoles(id, ['customer', 'admin']);
    const [powerful, plain] = [await login(email), await login(email)];
    const atOrders = (await refresh(plain, { audience: 'orders' })).body as Pair;
    expect(await me(powerful.access_token)).toBe(200);
    expect((await setRoles(id, ['customer'])).status).toBe(200);
    await isRefused(atOrders);
    expect(await system.auth.send('GET', '/admin/keys', { token: powerful.access_token })).toMatchObject({
      status: 401,
    });
    expect(await refresh(powerful)).toMatchObject({ status: 400, body: { code: 'invalid_target' } });
    const left = await refresh(powerful, { audience: 'orders' });
    expect(left).toMatchObject({ status: 200, body: { scope: 'orders:read orders:write' } });
    expect(sidOf(left.body)).not.toBe(sidOf(powerful));
    expect(await me(left.body.access_token)).toBe(200);
    expect(decodeJwt(left.body.access_token)['roles']).toEqual(['customer']);
  });

  it('fewer of them leave theft recognizable: a used token still ends the session', async () => {
    const { id, email } = await system.auth.account('admin');
    await setRoles(id, ['customer', 'admin']);
    const first = await login(email);
    const second = (await refresh(first)).body as Pair;
    await setRoles(id, ['customer']);
    await system.auth.owner.query(
      `UPDATE refresh_family SET used = '[]' WHERE session_id = (SELECT id FROM session WHERE account_id = $1)`,
      [id],
    );
    expect(await refresh(first)).toMatchObject({ status: 400, body: { code: 'invalid_grant' } });
    expect(await refresh(second, { audience: 'orders' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_grant' },
    });
  });

  it('of oneself are not changed, however the id is written', async () => {
    const { sub } = decodeJwt(admin);
    for (const id of [sub!, sub!.toUpperCase()])
      expect(await setRoles(id, ['customer'])).toMatchObject({ status: 409, body: { code: 'own_roles' } });
    expect(await me(admin)).toBe(200);
  });

  it('need a scope, an account, and known names', async () => {
    const { id } = await system.auth.account();
    expect((await setRoles(id, ['customer'], await system.auth.login())).status).toBe(401);
    expect(await setRoles('00000000-0000-4000-8000-000000000000', ['admin'])).toMatchObject({
      status: 404,
      body: { code: 'account_not_found' },
    });
    for (const roles of [[], ['king'], ['admin', 'admin'], 'admin', undefined])
      expect(await setRoles(id, roles)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });
});
