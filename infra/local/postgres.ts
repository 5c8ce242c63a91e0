/**
 * A real PostgreSQL for one state folder: made once, started on a loopback port with passwords only
 * (scram-sha-256, no socket, no `trust`), stopped by a fast shutdown.
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

/** `durable: false` gives up crash safety for speed, for tests. */
export interface PostgresOptions {
  stateDir: string;
  port: number;
  superuserPassword: string;
  logFile: string;
  durable: boolean;
}

/** How to reach a server and who to be there. */
export interface PostgresLogin {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

/** A running server. */
export interface Postgres {
  child: Child;
  superuser: PostgresLogin;
  /** Whether this start made the cluster. */
  created: boolean;
}

const bootTimeoutMs = 30_000;

/**
 * Starts the server, making its cluster first where there is none.
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
      // The workers of a killed server need a moment to notice.
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
    stopSignal: 'SIGINT', // fast shutdown; SIGTERM would wait for clients to leave
    stopWithinMs: 20_000,
  };
}

async function makeCluster(home: PostgresHome, dataDir: string, options: PostgresOptions): Promise<void> {
  // A folder of its own, so that an interrupted initdb never looks like a cluster; initdb reads the password from it.
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
        // The same Unicode rules on every system, whatever locales it has.
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
 * PostgreSQL refuses to start while the process of its old lock file seems to live. After a crash that number may have
 * gone to another program.
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
    // A server that answers something else than "not now" will not change its mind.
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
