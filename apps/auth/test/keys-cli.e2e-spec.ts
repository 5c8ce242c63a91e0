/** The operator's key commands, as a process of its own from the build. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestNats, type TestNats } from '#testing';
import { type AuthFixture, startAuth } from './auth-fixture.js';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'auth-keys-'));
let nats: TestNats;
let auth: AuthFixture;
let env: Record<string, string>;

beforeAll(async () => {
  nats = await startTestNats();
  auth = await startAuth({ nats });
  const { settings } = auth.first;
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  env = {
    NODE_ENV: 'test',
    PORT: '1',
    DATABASE_HOST: settings.databaseHost,
    DATABASE_PORT: String(settings.databasePort),
    DATABASE_NAME: settings.databaseName,
    DATABASE_USER: settings.databaseUser,
    DATABASE_PASSWORD_FILE: file('password', settings.databasePassword),
    NATS_URL: settings.natsUrl,
    NATS_NKEY_SEED_FILE: file('nkey', settings.natsNkeySeed),
    ISSUER: settings.issuer,
    TRUST_ANCHOR_PUBLIC_FILE: file('anchor', settings.trustAnchorPublic[0]!),
    TRUST_ANCHOR_PRIVATE_FILE: file('anchor.private', settings.trustAnchorPrivate[0]!),
    KEY_ENCRYPTION_KEY_FILES: file('kek', settings.keyEncryptionKey[0]!),
  };
});
afterAll(async () => {
  await auth.close();
  await nats.stop();
  rmSync(folder, { recursive: true });
});

function keys(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return run(process.execPath, [resolve('dist/apps/auth/src/keys-cli.js'), ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      stdout,
      stderr,
    }),
  );
}

describe('npm run keys', () => {
  it('revokes a key, and tells who signs now and who acknowledged', async () => {
    const { stdout: before } = await keys('list');
    const kidOf = (status: string) => new RegExp(`^(\\S+) {2}ES256 {2}${status}$`, 'm').exec(before)![1]!;
    const [active, standby] = [kidOf('active'), kidOf('prepared')];
    const { code, stdout } = await keys('revoke', active, '--reason', 'compromised', '--note', 'a drill');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(
        `^${active} is revoked, epoch \\d+; ${standby} signs now; acknowledged by every verifier heard of\n$`,
      ),
    );
    expect((await keys('list')).stdout).toContain(`${active}  ES256  revoked  compromised  a drill\n`);
  });

  it('says in a line what an operator can mend', async () => {
    expect(await keys('revoke', 'none', '--reason', 'unspecified')).toMatchObject({
      code: 1,
      stderr: 'There is no key of this kid\n',
    });
    auth.database.shut();
    try {
      expect(await keys('list')).toEqual({ code: 1, stdout: '', stderr: 'The database cannot be reached\n' });
    } finally {
      auth.database.open();
    }
  });

  it('tells how it is used', async () => {
    const { code, stderr } = await keys('revoke');
    expect(code).toBe(2);
    expect((await keys('revoke', 'kid', '--reason', 'stolen')).code).toBe(2);
    expect(stderr).toContain('npm run keys -- revoke KID --reason CODE');
  });
});
