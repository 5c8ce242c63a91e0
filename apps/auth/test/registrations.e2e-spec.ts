/** How many may register from one address, and that nobody who registers keeps others from logging in. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { PASSWORD, startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;
beforeAll(async () => {
  auth = await startAuth({
    settings: { registrationsPerAddress: 4, registrationWindowSeconds: 600, trustedProxies: ['127.0.0.1'] },
  });
});
afterAll(() => auth?.close());
beforeEach(() => auth.owner.query('DELETE FROM failed_login'));

let people = 0;
const someone = () => `new${(people += 1)}@example.test`;
const register = (address = '203.0.113.7', email = someone(), password = PASSWORD, on = auth.first) =>
  on.send('POST', '/auth/register', {
    body: { email, password },
    headers: { 'x-forwarded-for': address },
  });
const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status).sort();

async function inTurn(addresses: string[]): Promise<number[]> {
  const answers = [];
  for (const address of addresses) answers.push((await register(address)).status);
  return answers;
}

describe('registrations', () => {
  it('are limited per address: 429, with the time to wait; another address is free', async () => {
    expect(await inTurn(Array<string>(5).fill('203.0.113.7'))).toEqual([201, 201, 201, 201, 429]);
    const refused = await register();
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_registrations' } });
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(500);
    expect(wait).toBeLessThanOrEqual(600);
    expect((await register('203.0.113.8')).status).toBe(201);
  });

  it('are counted as one for every spelling of an address, and for all of an IPv6 /64', async () => {
    expect(await inTurn(['::ffff:203.0.113.7', '203.0.113.7', '::ffff:cb00:7107', '203.0.113.7'])).toEqual([
      201, 201, 201, 201,
    ]);
    expect((await register('::ffff:203.0.113.7')).status).toBe(429);
    expect(await inTurn([1, 2, 3, 4, 5].map((host) => `2001:db8:1:2::${host}`))).toEqual([
      201, 201, 201, 201, 429,
    ]);
    expect((await register('2001:db8:1:3::1')).status).toBe(201);
  });

  it('are counted as those of the proxy where it names no address', async () => {
    const texts = ['x'.repeat(255), 'unknown', '203.0.113.7:80', '127.0.0.1', '_hidden'];
    expect(await inTurn(texts)).toEqual([201, 201, 201, 201, 429]);
  });

  it('are counted when the e-mail address is taken, and not when the password is refused', async () => {
    const email = someone();
    expect(statuses(await Promise.all([register(undefined, email), register(undefined, email)]))).toEqual([
      201, 409,
    ]);
    expect((await register(undefined, someone(), 'short')).status).toBe(400);
    expect(await inTurn(Array<string>(3).fill('203.0.113.7'))).toEqual([201, 201, 429]);
  });

  it('are not exceeded by twenty at the same moment, nor by a second replica', async () => {
    const replica = await auth.replica();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        register(undefined, someone(), PASSWORD, n % 2 === 0 ? auth.first : replica),
      ),
    );
    // 503 if they come faster than a replica counts: that is no registration either.
    const refused = statuses(answers).filter((status) => status !== 201);
    expect(refused).toHaveLength(16);
    expect(refused.filter((status) => status !== 429 && status !== 503)).toEqual([]);
  });

  it('are allowed again after the window', async () => {
    await inTurn(Array<string>(5).fill('203.0.113.7'));
    await auth.owner.query('UPDATE failed_login SET expire = expire - 600000');
    expect((await register()).status).toBe(201);
  });

  it('and failed logins are counted apart', async () => {
    await inTurn(Array<string>(5).fill('203.0.113.7'));
    const { email, password } = await auth.account();
    const login = await auth.send('POST', '/auth/login', {
      body: { email, password },
      headers: { 'x-forwarded-for': '203.0.113.7' },
    });
    expect(login.status).toBe(200);
  });

  it('from hundreds of addresses at once keep no one from logging in', async () => {
    const { email, password } = await auth.account();
    const flood = Array.from({ length: 300 }, (_, n) => register(`198.51.${n >> 8}.${n & 255}`));
    const logins = Array.from({ length: 20 }, () =>
      auth.send('POST', '/auth/login', { body: { email, password } }),
    );
    expect(statuses(await Promise.all(logins))).toEqual(Array<number>(20).fill(200));
    const refused = (await Promise.all(flood)).filter(({ status }) => status !== 201);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(answer).toMatchObject({ status: 503, body: { code: 'registrations_busy' } });
      expect(answer.headers.get('retry-after')).toBe('2');
    }
  });
});
