/** Finds psql, and runs it with a login that appears neither in its arguments nor on the screen. */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { constants as os } from 'node:os';
import { delimiter, join } from 'node:path';
import type { PostgresLogin } from '../local/postgres.js';
import { SetupError } from '../system/setup-error.js';

/** Where to look. Tests give narrow places. */
interface PsqlPlaces {
  readonly path: readonly string[];
  readonly others: readonly string[];
}

/** Finds psql. @throws SetupError `psql_unavailable` */
export function findPsql({ path, others }: PsqlPlaces = defaultPlaces()): string {
  const candidates = [...path.filter(Boolean), ...others].map((folder) => join(folder, 'psql'));
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  const advice = 'apt-get install postgresql-client, or: brew install libpq';
  throw new SetupError('psql_unavailable', `There is no psql here. Install it (${advice}).`);
}

/** The packages of Debian and Homebrew have a psql that is not always in the PATH. */
function defaultPlaces(): PsqlPlaces {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort().reverse() : [];
  return {
    path: (process.env['PATH'] ?? '').split(delimiter),
    others: [
      ...versions.map((version) => join(debian, version, 'bin')),
      '/opt/homebrew/opt/libpq/bin',
      '/usr/local/opt/libpq/bin',
    ],
  };
}

/**
 * Runs psql in this terminal, until it ends. Returns its exit code, or 128 + the number of the signal that ended it.
 *
 * The password is in the environment of psql, which only its user can read. Ctrl-C is for psql, which cancels a query.
 */
export async function runPsql(
  program: string,
  login: PostgresLogin,
  args: readonly string[],
): Promise<number> {
  const env = {
    ...process.env,
    PGHOST: login.host,
    PGPORT: String(login.port),
    PGDATABASE: login.database,
    PGUSER: login.user,
    PGPASSWORD: login.password,
    PGCONNECT_TIMEOUT: '10',
  };
  const child = spawn(program, args, { env, stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals) => {
    // The terminal has sent SIGINT to psql as well.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, forward);
  try {
    return await new Promise((done, fail) => {
      child.once('error', fail);
      child.once('exit', (code, signal) => done(code ?? 128 + os.signals[signal!]));
    });
  } finally {
    for (const signal of signals) process.off(signal, forward);
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
