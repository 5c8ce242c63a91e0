/** The operator's key commands, as a process of its own from the build. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestKey, eventually, startTestNats, type TestNats } from '#testing';
import { readAnchor } from '#statements';
import { anchorPair, type AuthFixture, startAuth } from './auth-fixture.js';
import { registerClient } from './oauth-client.js';
import { startVerifier } from './verifier-fixture.js';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'auth-keys-'));
let nats: TestNats;
let auth: AuthFixture;
let env: Record<string, string>;
/** kids of the trust anchors */
let current: string;
let next: string;
const copy = join(folder, 'last-statement.jwt');

beforeAll(async () => {
  nats = await startTestNats();
  const anchors = [anchorPair(), anchorPair()];
  const [trustAnchorPrivate, trustAnchorPublic] = [
    anchors.map((anchor) => anchor.private),
    anchors.map((anchor) => anchor.public),
  ];
  [current, next] = trustAnchorPublic.map((pem) => readAnchor(pem).thumbprint) as [string, string];
  auth = await startAuth({ nats, settings: { trustAnchorPrivate, trustAnchorPublic } });
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
    TRUST_ANCHOR_PUBLIC_FILE: trustAnchorPublic.map((pem, index) => file(`anchor${index}`, pem)).join(','),
    TRUST_ANCHOR_PRIVATE_FILE: trustAnchorPrivate
      .map((pem, index) => file(`anchor${index}.private`, pem))
      .join(','),
    STATEMENT_COPY_FILE: copy,
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

/** The security events that a command tells of on standard error. */
const eventsIn = (stderr: string) =>
  stderr
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('npm run keys', () => {
  let revoked: string;

  it('revokes a key, and tells who signs now and who acknowledged', async () => {
    const { stdout: before } = await keys('list');
    const kidOf = (status: string) => new RegExp(`^(\\S+) {2}ES256 {2}${status}$`, 'm').exec(before)![1]!;
    const [active, standby] = [kidOf('active'), kidOf('prepared')];
    // Its acknowledgement makes auth look at once for what the command issued; otherwise that takes auth a second.
    const verifier = startVerifier(auth.settings, nats);
    await eventually(() => verifier.epoch() > 0);
    const revocation = [active, '--reason', 'compromised', '--note', 'a drill'];
    const { code, stdout, stderr } = await keys('revoke', ...revocation);
    expect(code).toBe(0);
    revoked = active;
    expect(stdout).toMatch(
      new RegExp(
        `^${active} is revoked, epoch \\d+; ${standby} signs now; acknowledged by every counted verifier\n$`,
      ),
    );
    await verifier.stop();
    expect(eventsIn(stderr).filter(({ event }) => event === 'key.revoked')).toMatchObject([
      { level: 'info', kid: active, reason: 'compromised', by: 'operator' },
    ]);
    expect(stderr).not.toContain('a drill');
  });

  it('lists the keys, with the reason and the note of a revocation', async () => {
    expect((await keys('list')).stdout).toContain(`${revoked}  ES256  revoked  compromised  a drill\n`);
  });

  it('leaves the statement copy to auth, which could not read what another user wrote', async () => {
    const { code } = await keys('rotate');
    expect(code).toBe(0);
    expect(existsSync(copy)).toBe(false);
  });

  it('says so if the copy cannot be read', async () => {
    mkdirSync(copy);
    const { stdout, stderr } = await keys('list');
    rmSync(copy, { recursive: true });
    expect(stderr).toBe('the statement copy cannot be read: EISDIR\n');
    expect(stdout).toContain('active');
  });

  it('makes no rounds: what is due is left to auth', async () => {
    const epochOf = async () => (await auth.owner.query('SELECT epoch FROM key_set'))[0].epoch as string;
    await auth.first.close();
    await auth.owner.query(`UPDATE key_set SET issued_at = issued_at - interval '1 minute'`);
    const before = await epochOf();
    expect((await keys('list')).stdout).toContain('active');
    expect(await epochOf()).toBe(before);
  });

  it('shows who pins which anchor', async () => {
    await auth.owner.query(
      `INSERT INTO verifier_pins (service, instance, pins, seen_at) VALUES
         ('inventory', 'alive', jsonb_build_array($1::text, $2::text), clock_timestamp()),
         ('orders', 'late', jsonb_build_array($1::text), clock_timestamp()),
         ('orders', 'vanished', jsonb_build_array($1::text), clock_timestamp() - interval '600 seconds')`,
      [current, next],
    );
    const { stdout } = await keys('anchor');
    expect(stdout.split('\n').slice(0, 2)).toEqual([`signing: ${current}`, `next: ${next}`]);
    expect(stdout).toMatch(/^inventory\/alive {2}pins the next {2}acknowledged \d+ s ago$/m);
    expect(stdout).toMatch(/^orders\/vanished {2}lacks the next {2}acknowledged 6\d\d s ago$/m);
  });

  it('drops a verifier that vanished', async () => {
    const { stdout: rest } = await keys('anchor', '--drop', 'orders/vanished');
    expect(rest).toContain('orders/late  lacks the next');
    expect(rest).not.toContain('vanished');
  });

  it('says so if there is no verifier to drop', async () => {
    expect(await keys('anchor', '--drop', 'orders/vanished')).toMatchObject({
      code: 1,
      stderr: 'auth remembers no verifier with this name\n',
    });
  });

  it('goes over to the next anchor by hand', async () => {
    const { stdout, stderr } = await keys('anchor', '--proceed');
    expect(stdout).toBe(`statements are signed by the anchor ${next} from now on\n`);
    expect(eventsIn(stderr)).toMatchObject([{ event: 'anchor.switched', anchor: next, by: 'operator' }]);
  });

  it('shows that there is no further anchor', async () => {
    expect((await keys('anchor')).stdout).toContain(`signing: ${next}\nnext: none\n`);
  });

  it('refuses to go over to an anchor that is not there', async () => {
    expect(await keys('anchor', '--proceed')).toMatchObject({
      code: 1,
      stderr: 'auth has no next trust anchor; add one to TRUST_ANCHOR_PRIVATE_FILE\n',
    });
  });

  it('exchanges the key of a client, named by a file', async () => {
    const [old, next] = [await registerClient(auth, 'orders'), createTestKey()];
    const file = join(folder, 'orders.client.json');
    const write = (...jwks: object[]) =>
      writeFileSync(file, JSON.stringify({ client_id: 'orders', jwks: { keys: jwks } }));
    write(next.publicJwk, old.key.publicJwk);
    expect(await keys('client-keys', file)).toMatchObject({
      code: 0,
      stdout: `orders\n  ${next.kid} is accepted\n`,
    });
    expect((await keys('client-keys', file)).stdout).toBe('orders\n  nothing changes\n');
    const { stdout, stderr } = await keys('client-keys', file, '--end-others', '--at-once');
    expect(stdout).toMatch(new RegExp(`^orders\n {2}${old.key.kid} ends \\S+Z\n$`));
    expect(eventsIn(stderr)).toMatchObject([{ event: 'client_key.ended', kid: old.key.kid, by: 'operator' }]);
  });

  it('disables a client, shows until when it stays so, and lists all clients', async () => {
    expect((await keys('clients')).stdout).toMatch(/^orders {2}enabled\n {2}\S+ {2}ES256\nweb {2}enabled\n$/);
    const { code, stdout } = await keys('disable-client', 'orders');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^orders {2}disabled since \S+ {2}it can be enabled from \S+ on\n {2}\S+ {2}ES256\n$/,
    );
    expect(await keys('enable-client', 'orders')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^Services still refuse every token of this client; enable it later \(in 3\d\d s\)\n$/,
      ),
    });
    await auth.owner.query('UPDATE revocation SET expires_at = now()');
    expect((await keys('enable-client', 'orders')).stdout).toMatch(/^orders {2}enabled\n/);
  });

  it('says in a line why a file of a client is not good', async () => {
    const absent = join(folder, 'absent');
    expect(await keys('client-keys', absent)).toMatchObject({
      code: 1,
      stderr: `${absent} cannot be read: ENOENT\n`,
    });
    // The text of the file is not repeated: it may be the wrong file, with a private key.
    const secret = join(folder, 'kek');
    expect(await keys('client-keys', secret)).toMatchObject({
      code: 1,
      stderr: `${secret}: the file is not JSON\n`,
    });
  });

  it('says in a line what an operator can mend', async () => {
    expect(await keys('revoke', 'none', '--reason', 'unspecified')).toMatchObject({
      code: 1,
      stderr: 'There is no key with this kid\n',
    });
  });

  it('says in a line that the database cannot be reached', async () => {
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
    expect(stderr).toContain('npm run keys -- revoke KID --reason CODE');
  });
});
