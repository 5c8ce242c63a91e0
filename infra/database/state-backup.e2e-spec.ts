/** A backup is restored: over the system that it is of, and on a machine that knows nothing. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, freePortBase } from '#testing';
import { PostgresClient } from '../../libs/service-kit/src/postgres-client.js';
import { removePostgresData } from '../local/postgres-home.js';
import { readRunning } from '../local/state-dir.js';
import { startSystem, type RunningSystem } from '../local/system.js';
import { projectRoot } from '../project.js';
import { readCredentials } from '../system/secrets.js';
import { guardedServices, portClaims } from '../system/services.js';
import { exchange } from '../tour/exchange.js';
import { clusterOf, loginOf } from './state-postgres.js';

const patience = 240_000;
let folder: string;
let stateDir: string;
let otherDir: string;
let backup: string;
let portBase: number;
let system: RunningSystem | undefined;

/** What a login before the backup gave. */
let first: Tokens;

interface Tokens {
  access_token: string;
  refresh_token: string;
}

const service = guardedServices[0]!;
// The tokens of the first login outlive this spec.
const settings = {
  auth: { ACCESS_TOKEN_SECONDS: '3600', MAX_TOKEN_SECONDS: '3600', STATEMENT_SECONDS: '7200' },
  ...Object.fromEntries(guardedServices.map(({ name }) => [name, { MAX_TOKEN_SECONDS: '3600' }])),
};
const start = (dir: string) => startSystem({ stateDir: dir, portBase, durable: false, settings });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'test-backup-'));
  [stateDir, otherDir, backup] = ['state', 'other', 'backup'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  system = await start(stateDir);
  first = await logIn();
}, patience);
afterAll(async () => {
  await system?.stop();
  for (const dir of [stateDir, otherDir]) removePostgresData(dir);
  rmSync(folder, { recursive: true, force: true });
}, patience);

describe('a backup', () => {
  it('is refused while the system runs, and leaves nothing behind', async () => {
    await expect(command('backup', backup)).rejects.toMatchObject({
      code: 1,
      stderr: `The system of ${stateDir} is running (process ${process.pid}). Stop it first, with Ctrl-C in its terminal.\n`,
    });
    expect(readdirSync(folder)).toEqual(['state']);
  });

  it(
    'is two archives that only their owner reads; the second has the secrets and no proof',
    async () => {
      await system!.stop();
      await command('backup', backup);
      expect(readdirSync(folder).sort()).toEqual(['backup', 'state']);
      const modes = ['.', 'database.tar.gz', 'secrets.tar.gz'].map(
        (file) => statSync(join(backup, file)).mode & 0o777,
      );
      expect(modes).toEqual([0o700, 0o600, 0o600]);
      const held = execFileSync('tar', ['-tzf', join(backup, 'secrets.tar.gz')], { encoding: 'utf8' }).split(
        '\n',
      );
      expect(held).toEqual(
        expect.arrayContaining([
          'credentials.json',
          'secrets/auth/trust-anchor.private.pem',
          `public/${service.name}.nkey`,
        ]),
      );
      expect(held.filter((path) => /statements\/.|nats\//.test(path))).toEqual([]);
    },
    patience,
  );

  it.each([
    [[], 'Give one folder for the backup'],
    [['there', 'elsewhere'], 'Give one folder for the backup'],
    [[() => backup], 'exists already. Name a folder that does not exist'],
    [[() => join(folder, 'none/backup')], 'cannot be made: there is no folder'],
    [[() => join(stateDir, 'backup')], 'is in the state folder, which npm run reset removes'],
  ])('is refused with one line: %#', async (args, line) => {
    const given = args.map((arg) => (typeof arg === 'string' ? arg : arg()));
    await expect(command('backup', ...given)).rejects.toMatchObject({
      stderr: expect.stringMatching(new RegExp(`^[^\n]*${line}[^\n]*\n$`)),
    });
  });
});

describe('a restore over the system', () => {
  let published: number;

  beforeAll(async () => {
    system = await start(stateDir);
    await eventually(async () => expect(await visit(first)).toBe(200));
    await keys('revoke', kidOf(first), '--reason', 'compromised');
    await eventually(async () => expect(await visit(first)).toBe(401));
    published = (await trust()).epoch;
    await system.stop();
  }, patience);

  it(
    'is refused without --force, and if the backup is not whole',
    async () => {
      const before = digest();
      await expect(command('restore', backup)).rejects.toMatchObject({
        stderr: `${stateDir} has a system. To replace its database and its secrets: --force\n`,
      });
      await expect(command('restore', '--force', folder)).rejects.toMatchObject({
        stderr: `${folder} is not a backup: it has no database.tar.gz.\n`,
      });
      for (const { archive, break: damaged, line } of badArchives) {
        const bad = join(folder, 'bad');
        mkdirSync(bad);
        for (const name of ['database.tar.gz', 'secrets.tar.gz'])
          writeFileSync(join(bad, name), readFileSync(join(backup, name)));
        damaged(join(bad, archive));
        await expect(command('restore', '--force', bad)).rejects.toMatchObject({
          stderr: expect.stringMatching(line),
        });
        rmSync(bad, { recursive: true });
      }
      expect(digest()).toEqual(before);
    },
    patience,
  );

  it(
    'brings a revoked key back into the database, and auth signs nothing until the recovery',
    async () => {
      const proof = proofOf(stateDir);
      const { stdout } = await command('restore', '--force', backup);
      expect(proofOf(stateDir)).toBe(proof);
      expect(stdout).toContain('signs nothing until: npm run keys -- recover');
      const starting = start(stateDir);
      starting.then(
        (started) => (system = started),
        () => undefined,
      );
      await eventually(async () => expect(await readiness()).toBe('database_went_back'), {
        timeoutMs: 60_000,
      });
      await expect(logIn()).rejects.toThrow('503');
      await eventually(() => expect(readRunning(stateDir)).toBeDefined(), { timeoutMs: 60_000 });
      // The service itself may not listen yet.
      await eventually(async () => expect([401, 503]).toContain(await visit(first)), { timeoutMs: 20_000 });

      expect(await keys('recover')).toContain(`but epoch ${published} was already published`);
      await starting;
      await eventually(async () => expect(await visit(await logIn())).toBe(200), { timeoutMs: 20_000 });
      expect([await visit(first), await refresh(first)]).toEqual([401, 400]);
      await system!.stop();
    },
    patience,
  );
});

describe('a restore on a new machine', () => {
  it(
    'needs no --force, and says that nothing proves what was revoked since',
    async () => {
      const { stdout } = await command('restore', backup, '--state-dir', otherDir);
      expect(stdout).toContain('There is no proof here of what auth published after the backup.');
      expect(
        readdirSync(otherDir)
          .filter((name) => name !== 'launchers')
          .sort(),
      ).toEqual(['credentials.json', 'public', 'secrets']);
    },
    patience,
  );

  it(
    'accepts what was revoked since, until all keys are revoked and all sessions end',
    async () => {
      system = await start(otherDir);
      await eventually(async () => expect(await visit(first)).toBe(200));
      await keys('revoke', kidOf(first), '--reason', 'unspecified', '--standby');
      const login = loginOf(
        { stateDir: otherDir, port: system.running.postgres.port, running: undefined },
        'auth',
        'runtime',
      );
      const client = new PostgresClient({ ...login });
      await client.connect();
      await client.query('UPDATE session SET ended_at = now() WHERE ended_at IS NULL');
      await client.end();
      await eventually(async () => expect(await visit(first)).toBe(401));
      expect(await refresh(first)).toBe(400);
      await eventually(async () => expect(await visit(await logIn())).toBe(200), { timeoutMs: 20_000 });
    },
    patience,
  );
});

const badArchives = [
  {
    archive: 'database.tar.gz',
    break: (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 100_000)),
    line: /^tar failed: [^\n]*Nothing has changed\.\n$/,
  },
  {
    archive: 'secrets.tar.gz',
    break: (file: string) => execFileSync('tar', ['-czf', file, '-C', stateDir, 'public']),
    line: /^This is not a backup: secrets\.tar\.gz has no secrets\. Nothing has changed\.\n$/,
  },
  {
    archive: 'database.tar.gz',
    break: (file: string) => {
      writeFileSync(join(folder, 'PG_VERSION'), '16\n');
      execFileSync('tar', ['-czf', file, '-C', folder, 'PG_VERSION']);
      rmSync(join(folder, 'PG_VERSION'));
    },
    line: /^The database of this backup is of PostgreSQL 16, and this is PostgreSQL 17\. [^\n]*\n$/,
  },
];

/** The secrets, and the cluster as far as a restore would change it. */
function digest(): string {
  const hash = createHash('sha256');
  for (const root of [
    join(stateDir, 'secrets'),
    join(stateDir, 'public'),
    join(clusterOf(stateDir), 'global'),
  ])
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort())
      if (statSync(join(root, name)).isFile()) hash.update(name).update(readFileSync(join(root, name)));
  return hash.update(readdirSync(stateDir).join()).digest('hex');
}

/** auth's statement copy. */
function proofOf(dir: string): string {
  return readFileSync(join(dir, 'secrets/auth/statements/last-statement.jwt'), 'utf8');
}

function command(name: 'backup' | 'restore', ...args: string[]) {
  const place = args.includes('--state-dir') ? [] : ['--state-dir', stateDir];
  const program = join(projectRoot, 'dist/infra/database', `${name}.js`);
  return promisify(execFile)(process.execPath, [program, ...args, ...place]);
}

async function keys(...args: string[]): Promise<string> {
  const program = join(projectRoot, 'dist/infra/local/run-key-command.js');
  const dir = readRunning(stateDir) ? stateDir : otherDir;
  return (await promisify(execFile)(process.execPath, [program, ...args, '--state-dir', dir])).stdout;
}

const url = (offset: number, path: string) => `http://127.0.0.1:${portBase + offset}${path}`;

async function logIn(): Promise<Tokens> {
  const { email, password } = readCredentials(readRunning(otherDir) ? otherDir : stateDir).demo;
  const body = JSON.stringify({ email, password, audience: service.name });
  const answer = await post('/auth/login', body, 'application/json');
  if (answer.status !== 200) throw new Error(`the login was answered ${answer.status}`);
  return (await answer.json()) as Tokens;
}

/** The status with which auth answers the refresh token. */
async function refresh({ refresh_token }: Tokens): Promise<number> {
  return (await post('/auth/refresh', JSON.stringify({ refresh_token }), 'application/json')).status;
}

function post(path: string, body: string, type: string): Promise<Response> {
  return fetch(url(0, path), { method: 'POST', headers: { 'content-type': type }, body });
}

/** The status with which the service answers the access token. */
async function visit({ access_token }: Tokens): Promise<number> {
  const { route, body } = service.guardedRoute;
  const [method = '', path = ''] = route.split(' ');
  return (await exchange(method, url(service.portOffset, path), { token: access_token, body })).status;
}

async function trust(): Promise<{ epoch: number }> {
  return (await (await fetch(url(0, '/trust'))).json()) as { epoch: number };
}

async function readiness(): Promise<string | undefined> {
  const answer = (await (await fetch(url(0, '/health/ready'))).json()) as {
    checks: { keySet: { reason?: string } };
  };
  return answer.checks.keySet.reason;
}

function kidOf({ access_token }: Tokens): string {
  return (JSON.parse(Buffer.from(access_token.split('.')[0]!, 'base64url').toString()) as { kid: string })
    .kid;
}
