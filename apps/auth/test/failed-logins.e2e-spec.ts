import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '#testing';
import { PASSWORD, startAuth, type AuthFixture } from './auth-fixture.js';

const limits = { failedLoginsPerAccount: 3, failedLoginsPerAddress: 8, failedLoginWindowSeconds: 600 };

let auth: AuthFixture;
beforeAll(async () => {
  auth = await startAuth({ settings: limits });
});
afterAll(() => auth?.close());
beforeEach(() => auth.owner.query('DELETE FROM failed_login'));

const login = (email: string, password = 'not the right password', url = auth) =>
  url.send('POST', '/auth/login', { body: { email, password } });

/** How many answers there were of each status. */
function tally(answers: { status: number }[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function inTurn<T>(times: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < times; i += 1) results.push(await work());
  return results;
}

describe('failed logins', () => {
  it('are limited per account: 429, with the time to wait, for the right password too', async () => {
    const { email } = await auth.account();
    const answers = await inTurn(4, () => login(email));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429]);
    const refused = await login(email, PASSWORD);
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_failed_logins' } });
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(590);
    expect(wait).toBeLessThanOrEqual(600);
    expect((await login((await auth.account()).email, PASSWORD)).status).toBe(200);
  });

  it('are counted for one account however its address is spelled', async () => {
    const { email } = await auth.account();
    const spellings = [email, email.toUpperCase(), ` ${email} `, `\t${email}`];
    const answers = [];
    for (const spelling of spellings) answers.push(await login(spelling));
    expect(tally(answers)).toEqual({ 401: 3, 429: 1 });
  });

  it('are limited for an address that has no account just the same', async () => {
    const answers = await inTurn(4, () => login('nobody@example.test'));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429]);
  });

  it('are limited per network address, over all accounts', async () => {
    let n = 0;
    const answers = await inTurn(9, () => login(`someone${(n += 1)}@example.test`));
    expect(tally(answers)).toEqual({ 401: 8, 429: 1 });
    expect((await login((await auth.account()).email, PASSWORD)).status).toBe(429);
  });

  it('are counted for all replicas together', async () => {
    const other = await auth.replica();
    const { email } = await auth.account();
    await login(email);
    await login(email, undefined, { ...auth, ...other });
    await login(email);
    expect((await login(email, PASSWORD, { ...auth, ...other })).status).toBe(429);
  });

  it('are not exceeded by fifty guesses at the same moment', async () => {
    const { email } = await auth.account();
    const answers = await Promise.all(Array.from({ length: 50 }, () => login(email)));
    expect(tally(answers)).toEqual({ 401: 3, 429: 47 });
    // What was refused was not counted: the account is free again when its three are forgotten, and the address has five left.
    const rows = await auth.owner.query<{ key: string; points: number }[]>(
      'SELECT key, points FROM failed_login',
    );
    expect(rows.map(({ key, points }) => [key.split(':')[0], points]).sort()).toEqual([
      ['account', 3],
      ['address', 3],
    ]);
  });

  it('do not include the right password: it may be given as often as one likes', async () => {
    const { email } = await auth.account();
    expect(tally(await inTurn(12, () => login(email, PASSWORD)))).toEqual({ 200: 12 });
    await login(email);
    await login(email);
    expect(tally(await inTurn(3, () => login(email, PASSWORD)))).toEqual({ 200: 3 });
    // Nor does it take a failure back.
    expect((await login(email)).status).toBe(401);
    expect((await login(email, PASSWORD)).status).toBe(429);
  });

  it.each([[[]], [['127.0.0.1']]])(
    'fill no error log when clients close right after their request, with proxies %j',
    async (trustedProxies) => {
      const replica = await auth.replica({ trustedProxies });
      const { hostname, port } = new URL(replica.url);
      const count = (pattern: RegExp) => auth.logged().match(pattern)?.length ?? 0;
      const failed = () => count(/"msg":"request failed"/g);
      const answered = () => failed() + count(/"msg":"request refused"/g);
      const [failedBefore, answeredBefore] = [failed(), answered()];
      // Each of another account, so that its address is looked at as well.
      const requestOf = (n: number) => {
        const body = JSON.stringify({ email: `nobody${n}@example.test`, password: 'not the right password' });
        const fields = `content-type: application/json\r\ncontent-length: ${body.length}`;
        return `POST /auth/login HTTP/1.1\r\nhost: x\r\n${fields}\r\n\r\n${body}`;
      };
      // All at once, so that connections are reset by the time that their requests are read.
      await Promise.all(
        Array.from({ length: 40 }, async (_, n) => {
          const socket = connect(Number(port), hostname);
          socket.write(requestOf(n), () => socket.resetAndDestroy());
          await once(socket, 'close');
        }),
      );
      await eventually(() => answered() - answeredBefore === 40);
      expect(failed()).toBe(failedBefore);
    },
  );

  it('are forgotten after the window', async () => {
    const { email } = await auth.account();
    await inTurn(4, () => login(email));
    await auth.owner.query('UPDATE failed_login SET expire = expire - 600000');
    expect((await login(email, PASSWORD)).status).toBe(200);
  });

  it('do not tell from the table whose they are', async () => {
    const { email } = await auth.account();
    await login(email);
    const rows = await auth.owner.query('SELECT key FROM failed_login');
    expect(JSON.stringify(rows)).not.toContain(email.split('@')[0]);
  });
});
