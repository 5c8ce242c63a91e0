import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PASSWORD, startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;
beforeAll(async () => {
  auth = await startAuth({ settings: { failedLoginsPerAccount: 1_000, failedLoginsPerAddress: 10_000 } });
});
afterAll(() => auth?.close());

const register = (body: unknown) => auth.send('POST', '/auth/register', { body });
const login = (body: unknown) => auth.send('POST', '/auth/login', { body });

describe('register, log in, ask who one is', () => {
  it('does all three', async () => {
    const email = 'maria@example.test';
    const registered = await register({ email, password: PASSWORD });
    expect(registered).toMatchObject({ status: 201, body: { id: expect.any(String), email } });
    expect(Object.keys(registered.body).sort()).toEqual(['email', 'id']);

    const loggedIn = await login({ email, password: PASSWORD });
    expect(loggedIn.status).toBe(200);
    expect(loggedIn.headers.get('cache-control')).toBe('no-store');
    expect(loggedIn.body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'orders:read orders:write',
      refresh_token: expect.stringMatching(/^[\w-]{64}$/),
    });

    const me = await auth.send('GET', '/auth/me', { token: loggedIn.body.access_token });
    expect(me.status).toBe(200);
    expect(me.body).toEqual({
      id: registered.body.id,
      email,
      roles: ['customer'],
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      sid: expect.any(String),
    });
  });

  it('keeps the password as an argon2id hash alone', async () => {
    await register({ email: 'hash@example.test', password: PASSWORD });
    const [row] = await auth.owner.query('SELECT * FROM account WHERE email = $1', ['hash@example.test']);
    expect(row.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(JSON.stringify(row)).not.toContain(PASSWORD);
  });

  it('makes customers, whatever the body asks for', async () => {
    const asked = await register({ email: 'boss@example.test', password: PASSWORD, roles: ['admin'] });
    expect(asked).toMatchObject({ status: 400, body: { errors: [{ field: 'roles' }] } });
  });

  it.each([
    ['in capitals', 'TWICE@Example.TEST'],
    ['with white space around it', '  twice@example.test\t'],
    // KELVIN SIGN, which NFC makes a K of.
    ['in another Unicode form', 'twice\u212a@example.test'],
  ])('takes an address %s for the same one', async (_name, spelling) => {
    const email = spelling.includes('\u212a') ? 'twicek@example.test' : 'twice@example.test';
    await register({ email, password: PASSWORD });
    expect(await register({ email: spelling, password: PASSWORD })).toMatchObject({
      status: 409,
      body: { code: 'email_taken' },
    });
    expect((await login({ email: spelling, password: PASSWORD })).status).toBe(200);
    const [row] = await auth.owner.query('SELECT count(*)::int AS count FROM account WHERE email ILIKE $1', [
      email,
    ]);
    expect(row.count).toBe(1);
  });

  it('makes one account of twenty requests at the same moment', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => register({ email: 'race@example.test', password: PASSWORD })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array<number>(19).fill(409)]);
  });

  it('takes a password in whichever Unicode form it is typed', async () => {
    await register({ email: 'forms@example.test', password: 'caf\u00e9 au lait, please' });
    const answer = await login({ email: 'forms@example.test', password: 'cafe\u0301 au lait, please' });
    expect(answer.status).toBe(200);
  });

  it('names what is wrong with a password', async () => {
    expect(await register({ email: 'weak@example.test', password: 'passwordpassword' })).toMatchObject({
      status: 400,
      body: { code: 'password_refused', errors: [{ field: 'password', message: 'is a common password' }] },
    });
  });
});

describe('a login that fails', () => {
  it('looks the same for a wrong password, an unknown address and a disabled account', async () => {
    const known = await auth.account();
    const disabled = await auth.account();
    await auth.owner.query('UPDATE account SET disabled_at = now() WHERE id = $1', [disabled.id]);
    const answers = await Promise.all([
      login({ email: known.email, password: 'not the right password' }),
      login({ email: 'nobody@example.test', password: 'not the right password' }),
      login({ email: disabled.email, password: PASSWORD }),
    ]);
    const shown = answers.map(({ status, headers, body }) => ({
      status,
      body: { ...body, requestId: undefined },
      headers: [...headers.keys()].filter((name) => name !== 'date').sort(),
      length: headers.get('content-length'),
    }));
    expect(shown[0]).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } });
    // RFC 9110 section 15.5.2; a browser opens its own window for Basic, and Bearer would not help.
    for (const { headers } of answers)
      expect(headers.get('www-authenticate')).toBe('Password realm="/auth/login"');
    expect(shown[1]).toEqual(shown[0]);
    expect(shown[2]).toEqual(shown[0]);
    expect(answers[0].text).not.toContain(known.email);
  });

  it('lasts as long for an unknown address as for a wrong password', async () => {
    const { email } = await auth.account();
    const tried: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] };
    // One after the other, so that whatever else the machine does slows both alike.
    for (let round = 0; round < 15; round += 1) {
      for (const [name, address] of [
        ['known', email],
        ['unknown', `nobody${round}@example.test`],
      ] as const) {
        const start = performance.now();
        await login({ email: address, password: 'not the right password' });
        tried[name].push(performance.now() - start);
      }
    }
    const ratio = median(tried.unknown) / median(tried.known);
    // Without the stand-in hash it is 0.3 or less.
    expect(ratio).toBeGreaterThan(0.6);
    expect(ratio).toBeLessThan(1.7);
  });
});

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
