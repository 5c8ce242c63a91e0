/** The commands, as programs, for a system whose databases are prepared and whose services nobody has started. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { freePortBase } from '#testing';
import { removePostgresData } from '../local/postgres-home.js';
import { requireOwn } from '../local/require-state-dir.js';
import { liveLauncher, readRunning, statePaths } from '../local/state-dir.js';
import { startSystem, type RunningSystem } from '../local/system.js';
import { projectRoot } from '../project.js';
import { secretPaths } from '../system/secrets.js';
import { guardedServices, portClaims, services } from '../system/services.js';

const names = services.map(({ name }) => name);
const service = guardedServices[0]!.name;
const folderOfMigrations = join(projectRoot, `apps/${service}/src/database/migrations`);
const files = readdirSync(folderOfMigrations).sort();
/** The classes of its migrations, in their order. */
const migrations = files.map(
  (file) => /export class (\w+)/.exec(readFileSync(join(folderOfMigrations, file), 'utf8'))![1]!,
);
const last = migrations.at(-1)!;
const earlier = migrations.slice(0, -1);
const nameOf = (file: string) => file.replace(/^\d+-|\.ts$/g, '');
const patience = 120_000;
jest.setTimeout(patience);

/** Stands for psql. It writes who it is in the database, and its arguments; or it waits for a signal. */
const psql = `#!${process.execPath}
const { createRequire } = require('node:module');
const args = process.argv.slice(2);
if (args[0] === 'wait') {
  process.on('SIGTERM', () => process.exit(5));
  console.log('waiting');
  setInterval(() => undefined, 1000);
} else {
  const pg = createRequire(${JSON.stringify(join(projectRoot, 'package.json'))})('pg');
  const client = new pg.Client();
  client.connect().then(() => client.query('SELECT current_user AS role, current_database() AS database')).then(
    ({ rows: [row] }) => {
      console.log(JSON.stringify({ ...row, args, shown: process.argv.join().includes(process.env.PGPASSWORD) }));
      process.exit(Number(process.env.EXIT_CODE ?? 0));
    });
}
`;

let folder: string;
let stateDir: string;
let system: RunningSystem;
let portBase: number;

const start = () => startSystem({ stateDir, portBase, durable: false, without: names });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'test-database-commands-'));
  stateDir = join(folder, 'state');
  writeFileSync(join(folder, 'psql'), psql, { mode: 0o755 });
  portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  system = await start();
});
afterAll(async () => {
  await system?.stop();
  removePostgresData(stateDir);
  rmSync(folder, { recursive: true, force: true });
});

describe('bad input', () => {
  const apps = names.toSorted().join(', ');

  it.each([
    ['generate-migration', [], `The name of the app is missing. Expected: ${apps}`],
    ['generate-migration', ['no-app', 'gifts'], `There is no app named "no-app". Expected: ${apps}`],
    ['generate-migration', [service], 'Give one name for the migration'],
    ['generate-migration', [service, 'Gifts'], '"Gifts" cannot be the name of a migration'],
    ['generate-migration', [service, nameOf(files[0]!)], `There is a migration of this name: ${files[0]}`],
    ['generate-migration', [service, 'gifts', '--force'], "Unknown option '--force'"],
    ['migration-status', [service, 'auth'], 'Give at most one app'],
    ['migration-status', ['--state-dir', '/nowhere'], 'There is no system in /nowhere. npm start makes one'],
    ['migration-revert', [service, 'auth'], 'Give one app'],
    ['shell', ['--owner', service], 'There is no app named "--owner"'],
    ['shell', [service, '--state-dir'], '--state-dir needs a folder'],
    ['shell', [service, '--state-dir', '/nowhere'], 'There is no system in /nowhere'],
  ])('is refused with one line: %s %j', async (program, args, line) => {
    const { code, stdout, stderr } = await run(program, args);
    expect([code, stdout, stderr.trim().split('\n')]).toEqual([1, '', [expect.stringContaining(line)]]);
  });

  it('names the user of a folder that is not ours', () => {
    const uid = process.getuid!();
    expect(() => requireOwn(folder, uid + 1)).toThrow(
      `belongs to another user (uid ${uid}). Run this command as`,
    );
  });
});

describe('migration:generate', () => {
  it('writes nothing if nothing has changed', async () => {
    const { code, stdout } = await run('generate-migration', [service, 'gifts']);
    expect([code, stdout]).toEqual([
      0,
      `The migrations of ${service} already make what its entities describe. Nothing was written.\n`,
    ]);
  });
});

describe('migration:status', () => {
  it('lists each database, and each migration with its time', async () => {
    const { code, stdout } = await inState('migration-status', []);
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines.filter((line) => !line.startsWith(' '))).toEqual(names.toSorted());
    for (const line of lines.filter((each) => each.startsWith(' ')))
      expect(line).toMatch(/^ {2}applied {2}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}\w+\d{13}$/);
  });

  it('lists one database', async () => {
    const { stdout } = await inState('migration-status', [service]);
    expect(stdout).toMatch(new RegExp(`^${service}\n${migrations.map((each) => `.*${each}\n`).join('')}$`));
  });
});

describe('db', () => {
  it('is the role of the service, or the one that migrates, without a password in the arguments', async () => {
    const runtime = await inState('shell', [service], ['-c', 'SELECT 1']);
    const owner = await inState('shell', [service, '--owner'], ['-At', '--owner']);
    expect([runtime, owner].map(({ stdout, stderr }) => [JSON.parse(stdout), stderr])).toEqual([
      [{ role: service, database: service, args: ['-c', 'SELECT 1'], shown: false }, ''],
      [{ role: `${service}_owner`, database: service, args: ['-At', '--owner'], shown: false }, ''],
    ]);
  });

  it('ends with the code of psql', async () => {
    expect((await inState('shell', [service], [], { EXIT_CODE: '3' })).code).toBe(3);
  });

  it('passes signals on, and tells which signal ended psql', async () => {
    const stopped = await waitingShell();
    stopped.child.kill('SIGTERM');
    expect(await stopped.code).toBe(5);
    const hungUp = await waitingShell();
    hungUp.child.kill('SIGHUP');
    expect(await hungUp.code).toBe(128 + 1);
  });

  it('says that there is no database yet of a service that is new', async () => {
    const file = secretPaths.ownerPassword(stateDir, service);
    const password = readFileSync(file);
    rmSync(file);
    const { code, stderr } = await inState('shell', [service]);
    writeFileSync(file, password, { mode: 0o600 });
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`has no database of ${service} yet. npm start makes it.`),
    ]);
  });
});

describe('migration:revert', () => {
  const revert = (...args: string[]) => inState('migration-revert', [service, ...args]);

  it('asks for a confirmation', async () => {
    const { code, stderr } = await revert();
    expect([code, stderr]).toEqual([
      1,
      `This would take back ${last}, and delete what it has made. If you want that: --yes\n`,
    ]);
  });

  it('is refused while somebody uses the database as the service does', async () => {
    const { port } = system.running.postgres;
    const password = readFileSync(secretPaths.runtimePassword(stateDir, service), 'utf8');
    const login = { host: '127.0.0.1', port, user: service, database: service, password };
    const client = new pg.Client(login);
    await client.connect();
    const { code, stderr } = await revert('--yes');
    await client.end();
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(
        `Somebody is connected to the database of ${service} as the role of the service.`,
      ),
    ]);
  });

  it('is refused while the system runs the service', async () => {
    const running = readFileSync(statePaths.running(stateDir), 'utf8');
    const withService = JSON.parse(running);
    withService.services[service].pid = process.pid;
    writeFileSync(statePaths.running(stateDir), JSON.stringify(withService));
    const { code, stderr } = await revert('--yes');
    writeFileSync(statePaths.running(stateDir), running);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`${service} is running (process ${process.pid})`),
    ]);
  });

  it('takes the last migration back, and the next start applies it again', async () => {
    const { code, stdout } = await revert('--yes');
    expect([code, stdout]).toEqual([0, expect.stringContaining(`${service}: ${last} is taken back.`)]);
    expect(await states()).toEqual([...earlier.map((each) => `applied ${each}`), `pending ${last}`]);
    await system.stop();
    system = await start();
    expect(await states()).toEqual(migrations.map((each) => `applied ${each}`));
  });
});

describe('a system that does not run', () => {
  beforeAll(() => system.stop());

  it('has its PostgreSQL started for the command alone', async () => {
    expect(await states()).toHaveLength(migrations.length);
    const { stdout, stderr } = await inState('shell', [names.at(-1)!]);
    expect(JSON.parse(stdout)).toMatchObject({ role: names.at(-1) });
    expect(stderr).toBe('The system does not run. PostgreSQL runs until this shell ends.\n');
    expect([liveLauncher(stateDir), readRunning(stateDir)]).toEqual([undefined, undefined]);
    expect(readFileSync(statePaths.log(stateDir, 'postgres'), 'utf8').trim()).toMatch(
      /database system is shut down$/,
    );
  });

  it('is not used by two commands at once', async () => {
    const shell = await waitingShell();
    const { code, stderr } = await inState('migration-status', [service]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`Process ${shell.child.pid} uses ${stateDir}`),
    ]);
    shell.child.kill('SIGTERM');
    expect(await shell.code).toBe(5);
    expect(await states()).toHaveLength(migrations.length);
  });

  it('has no database if its cluster is gone, and gets none', async () => {
    removePostgresData(stateDir);
    const { code, stderr } = await inState('migration-status', []);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`There is no system in ${stateDir}`)]);
    expect(existsSync(statePaths.running(stateDir))).toBe(false);
  });
});

async function states(): Promise<string[]> {
  const { stdout } = await inState('migration-status', [service]);
  const [, ...lines] = stdout.trim().split('\n');
  return lines.map((line) => line.replace(/^ +(\w+) .* (\w+)$/, '$1 $2'));
}

/** A shell whose psql waits for a signal. */
async function waitingShell(): Promise<{ child: ChildProcess; code: Promise<number | null> }> {
  const child = program('shell', [service, '--state-dir', stateDir, 'wait']);
  const code = new Promise<number | null>((done) => child.once('exit', done));
  for await (const line of createInterface({ input: child.stdout! })) if (line === 'waiting') break;
  return { child, code };
}

const inState = (name: string, args: string[], more: string[] = [], env = {}) =>
  run(name, [...args, '--state-dir', stateDir, ...more], env);

async function run(
  name: string,
  args: string[],
  env = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = program(name, args, env);
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]!.on('data', (chunk: Buffer) => (texts[stream] += chunk.toString()));
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, ...texts };
}

/** Jest sets variables that must not reach a program. */
function program(name: string, args: string[], env = {}): ChildProcess {
  const inherited = Object.entries(process.env).filter(([key]) => !/^(NODE_|JEST_|TEST_)/.test(key));
  const path = [folder, process.env['PATH']].join(delimiter);
  return spawn(process.execPath, [join(projectRoot, 'dist/infra/database', `${name}.js`), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patience,
    env: { ...Object.fromEntries(inherited), PATH: path, ...env },
  });
}
