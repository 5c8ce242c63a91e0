/** The program that makes the first accounts, as a process of its own from the build. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type AuthFixture, startAuth } from './auth-fixture.js';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'auth-seed-'));
const person = (email: string) => ({ email, password: randomBytes(18).toString('base64url') });
const people = { admin: person('admin@example.com'), demo: person('demo@example.com') };

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
beforeEach(() => auth.owner.query('TRUNCATE account CASCADE'));

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
