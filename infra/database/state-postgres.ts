/** The PostgreSQL of a state folder, for a command. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../local/ports.js';
import { postgresDataParent } from '../local/postgres-home.js';
import { type PostgresLogin, startPostgres } from '../local/postgres.js';
import { requireOwn, requireWhole } from '../local/require-state-dir.js';
import {
  claimStateDir,
  endLeftovers,
  liveLauncher,
  readRunning,
  recordChildren,
  type RunningFile,
  statePaths,
} from '../local/state-dir.js';
import { readSecret, secretPaths } from '../system/secrets.js';
import { planDatabase } from '../system/service-database.js';
import { SetupError } from '../system/setup-error.js';

/** A PostgreSQL that answers. */
export interface StatePostgres {
  readonly stateDir: string;
  readonly port: number;
  /** The system that runs it. Undefined if it was started for this command. */
  readonly running: RunningFile | undefined;
}

/**
 * Does the work with the PostgreSQL of a state folder. If the system does not run, PostgreSQL is started for this work
 * alone, and no system can start meanwhile.
 * @throws SetupError `bad_argument` if the folder holds no system of this user · `already_running` if a system is starting
 * or stopping there · whatever `startPostgres` throws
 */
export async function withPostgres<T>(
  stateDir: string,
  work: (postgres: StatePostgres) => Promise<T>,
): Promise<T> {
  requireState(stateDir);
  const running = readRunning(stateDir);
  if (running) return work({ stateDir, port: running.postgres.port, running });
  return withStopped(stateDir, async () => {
    const port = await freePort();
    const { child } = await startPostgres({
      stateDir,
      port,
      superuserPassword: readSecret(secretPaths.superuserPassword(stateDir)),
      logFile: statePaths.log(stateDir, 'postgres'),
      durable: true,
    });
    recordChildren(stateDir, [child.pid]);
    try {
      return await work({ stateDir, port, running: undefined });
    } finally {
      await child.stop();
    }
  });
}

/** Does the work in the folder of a system that does not run, and keeps it from starting. @throws SetupError `already_running` */
export async function withStopped<T>(stateDir: string, work: () => Promise<T>): Promise<T> {
  requireStopped(stateDir);
  const letGo = await claimStateDir(stateDir);
  try {
    await endLeftovers(stateDir);
    return await work();
  } finally {
    letGo();
  }
}

/** How a role of an app logs in. @throws SetupError `bad_argument` if this system has no such database */
export function loginOf(
  { stateDir, port }: StatePostgres,
  app: string,
  role: 'owner' | 'runtime',
): PostgresLogin {
  if (!existsSync(secretPaths.ownerPassword(stateDir, app)))
    throw new SetupError(
      'bad_argument',
      `The system of ${stateDir} has no database of ${app} yet. npm start makes it.`,
    );
  const plan = planDatabase(app, stateDir);
  const { name, password } = plan[role];
  return { host: '127.0.0.1', port, user: name, password, database: plan.database };
}

/** Where the database cluster of a state folder is. */
export function clusterOf(stateDir: string): string {
  return join(postgresDataParent(stateDir), 'data');
}

/**
 * Checks that a system of this user was started in this folder before.
 * @throws SetupError `bad_argument` · `state_damaged` if a restore was killed there
 */
export function requireState(stateDir: string): void {
  requireOwn(stateDir);
  requireWhole(stateDir);
  if (existsSync(secretPaths.superuserPassword(stateDir)) && existsSync(clusterOf(stateDir))) return;
  throw new SetupError(
    'bad_argument',
    `There is no system in ${stateDir}. npm start makes one; --state-dir names another folder.`,
  );
}

function requireStopped(stateDir: string): void {
  const holder = liveLauncher(stateDir);
  if (holder === undefined) return;
  throw new SetupError(
    'already_running',
    readRunning(stateDir)
      ? `The system of ${stateDir} is running (process ${holder}). Stop it first, with Ctrl-C in its terminal.`
      : `Process ${holder} uses ${stateDir}: it starts or stops the system, or runs another command. Try again when it has finished.`,
  );
}
