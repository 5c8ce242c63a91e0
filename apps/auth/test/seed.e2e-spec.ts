/** The program that makes the first accounts and clients, as a process of its own from the build. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestKey, type TestKey } from '#testing';
import { type AuthFixture, startAuth } from './auth-fixture.js';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'auth-seed-'));
const person = (email: string) => ({ email, password: randomBytes(18).toString('base64url') });
const people = { admin: person('admin@example.com'), demo: person('demo@example.com') };

const keys = { orders: createTestKey(), inventory: createTestKey() };

/** Writes what the seed must know about a client, and returns the name of the file. */
function clientFile(name: string, key: Pick<TestKey, 'publicJwk'>): string {
  const file = join(folder, `${name}.client.json`);
  writeFileSync(file, JSON.stringify({ client_id: name, jwks: { keys: [key.publicJwk] } }));
  return file;
}

let auth: AuthFixture;
beforeAll(async () => {
  auth = await startAuth();
  writeFileSync(join(folder, 'credentials.json'), JSON.stringify(people));
  writeFileSync(join(folder, 'password'), auth.logins.runtime.password);
});
afterAll(async () => {
  await auth.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await auth.owner.query('TRUNCATE account CASCADE');
  await auth.owner.query('DELETE FROM client_key');
  await auth.owner.query(`DELETE FROM client WHERE id <> 'web'`);
  clientFiles = Object.entries(keys)
    .map(([name, key]) => clientFile(name, key))
    .join(',');
});

let clientFiles: string;

/** Runs the seed; gives its standard error if it fails. */
async function seed(settings: Record<string, string>): Promise<string> {
  const { runtime } = auth.logins;
  const env = {
    DATABASE_HOST: runtime.host,
    DATABASE_PORT: String(runtime.port),
    DATABASE_NAME: runtime.database,
    DATABASE_USER: runtime.user,
    DATABASE_PASSWORD_FILE: join(folder, 'password'),
    SEED_CREDENTIALS_FILE: join(folder, 'credentials.json'),
    SEED_CLIENT_FILES: clientFiles,
    ...settings,
  };
  return run(process.execPath, [resolve('dist/apps/auth/src/seed.js')], { env }).then(
    () => '',
    (error: { stderr: string }) => error.stderr,
  );
}

async function accounts() {
  return auth.owner.query<{ email: string; roles: string[] }[]>(
    'SELECT email, roles FROM account ORDER BY email',
  );
}

describe('the first accounts', () => {
  const admin = { email: 'admin@example.com', roles: ['admin'] };
  const demo = { email: 'demo@example.com', roles: ['customer'] };

  it('are the admin and the demo user, whose passwords are good; seeding again changes nothing', async () => {
    expect(await seed({ NODE_ENV: 'development' })).toBe('');
    expect(await accounts()).toEqual([admin, demo]);
    expect(await seed({ NODE_ENV: 'development' })).toBe('');
    expect(await accounts()).toEqual([admin, demo]);
    for (const body of Object.values(people)) {
      expect((await auth.send('POST', '/auth/login', { body })).status).toBe(200);
    }
  });

  it('are made in production only when it is said whether the demo user is one of them', async () => {
    expect(await seed({})).toContain('DEMO_DATA: not set, and it has no default in production');
    expect(await accounts()).toEqual([]);
    expect(await seed({ DEMO_DATA: 'false' })).toBe('');
    expect(await accounts()).toEqual([admin]);
  });
});

describe('the clients', () => {
  const clients = () =>
    auth.owner.query<object[]>(
      `SELECT client.id, client.disabled_at, array_agg(kid ORDER BY added_at) AS kids, bool_and(not_after IS NULL) AS endless
         FROM client LEFT JOIN client_key ON client_id = client.id GROUP BY client.id ORDER BY client.id`,
    );
  const row = (id: string, ...kids: (string | null)[]) => ({ id, disabled_at: null, kids, endless: true });

  it('are the services, each with its key, and the logins without one; seeding again changes nothing', async () => {
    const expected = [row('inventory', keys.inventory.kid), row('orders', keys.orders.kid), row('web', null)];
    expect(await seed({ NODE_ENV: 'development' })).toBe('');
    expect(await clients()).toEqual(expected);
    expect(await seed({ NODE_ENV: 'development' })).toBe('');
    expect(await clients()).toEqual(expected);
  });

  it('get a changed key beside the old one, and stay disabled', async () => {
    const next = createTestKey();
    expect(await seed({ NODE_ENV: 'development' })).toBe('');
    await auth.owner.query(`UPDATE client SET disabled_at = now() WHERE id = 'orders'`);
    expect(await seed({ NODE_ENV: 'development', SEED_CLIENT_FILES: clientFile('orders', next) })).toBe('');
    expect(await clients()).toEqual([
      row('inventory', keys.inventory.kid),
      { ...row('orders', keys.orders.kid, next.kid), disabled_at: expect.any(Date) },
      row('web', null),
    ]);
  });

  it.each<[string, () => string, string]>([
    [
      'a private key',
      () => clientFile('orders', { publicJwk: keys.orders.privateKey.export({ format: 'jwk' }) }),
      'private or symmetric member',
    ],
    ['the client of logins with a key', () => clientFile('web', keys.orders), 'client_key_not_web'],
    [
      'one key of two clients',
      () => [clientFile('orders', keys.orders), clientFile('billing', keys.orders)].join(','),
      'belongs to orders',
    ],
  ])('are not made of %s', async (_what, files, fault) => {
    expect(await seed({ NODE_ENV: 'development', SEED_CLIENT_FILES: files() })).toContain(fault);
  });

  it('cannot be changed by the service, but for their end', async () => {
    expect(await seed({ NODE_ENV: 'development' })).toBe('');
    const { query } = auth.dataSource;
    const ask = (sql: string) => query.call(auth.dataSource, sql);
    for (const sql of [
      'DELETE FROM client',
      'DELETE FROM client_key',
      `UPDATE client SET id = 'x' WHERE id = 'orders'`,
      `UPDATE client_key SET public_jwk = '{}'`,
      `UPDATE client_key SET client_id = 'inventory'`,
    ])
      await expect(ask(sql)).rejects.toThrow('permission denied');
    await expect(ask(`UPDATE client SET disabled_at = now() WHERE id = 'web'`)).rejects.toThrow(
      'client_web_stays',
    );
    await ask(`UPDATE client_key SET not_after = now()`);
    await ask(`UPDATE client SET disabled_at = now() WHERE id = 'orders'`);
  });
});
