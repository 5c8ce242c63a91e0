/**
 * `npm run migration:revert -- APP [--yes] [--state-dir DIR]`: takes back the last migration of a database, for somebody
 * who is still writing this migration.
 */
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import type { PostgresLogin } from '../local/postgres.js';
import { clearStamps, defaultStateDir, type RunningFile } from '../local/state-dir.js';
import { isAlive } from '../process-identity.mjs';
import { SetupError } from '../system/setup-error.js';
import { loadClasses } from './app-database.js';
import { requireAppWithDatabase } from './app-names.js';
import { readArguments, runCommand } from '../run-command.js';
import {
  migrationStates,
  type MigrationState,
  revertMigration,
  runtimeConnections,
} from './migration-history.js';
import { loginOf, withPostgres } from './state-postgres.js';

const usage = 'npm run migration:revert -- APP [--yes] [--state-dir DIR]';

await runCommand(async () => {
  const { positionals, values } = readArguments(usage, () =>
    parseArgs({
      allowPositionals: true,
      options: { yes: { type: 'boolean', default: false }, 'state-dir': { type: 'string' } },
    }),
  );
  const app = requireAppWithDatabase(positionals[0], usage);
  if (positionals.length > 1) throw new SetupError('bad_argument', `Give one app. Usage: ${usage}`);
  const stateDir = resolve(values['state-dir'] ?? defaultStateDir);
  await withPostgres(stateDir, async (postgres) => {
    const owner = loginOf(postgres, app, 'owner');
    await requireStopped(app, owner, postgres.running);
    const classes = await loadClasses(app);
    const name = lastOf(app, await migrationStates(owner, classes));
    if (!values.yes && !(await isConfirmed(app, name))) return console.log('Nothing has changed.');
    await revertMigration(owner, classes, name);
    clearStamps(stateDir); // otherwise the next start would believe that the database is migrated
    console.log(
      `${app}: ${name} is taken back. The next start applies it again, as it is then. To drop it, remove its file and its entry in apps/${app}/src/database/index.ts.`,
    );
  });
});

/** The code of a running service needs the tables as they are. */
async function requireStopped(
  app: string,
  owner: PostgresLogin,
  running: RunningFile | undefined,
): Promise<void> {
  const pid = running?.services[app]?.pid ?? 0;
  if (pid !== 0 && isAlive(pid))
    throw new SetupError(
      'already_running',
      `${app} is running (process ${pid}), and its code needs the tables as they are. Stop the system, or start it with --without ${app}.`,
    );
  if ((await runtimeConnections(owner)) > 0)
    throw new SetupError(
      'already_running',
      `Somebody is connected to the database of ${app} as the role of the service. End that program first.`,
    );
}

function lastOf(app: string, states: readonly MigrationState[]): string {
  const last = states.findLast(({ state }) => state !== 'pending');
  if (last === undefined)
    throw new SetupError('bad_argument', `The database of ${app} has no migration that can be taken back.`);
  if (last.state === 'applied') return last.name;
  throw new SetupError(
    'bad_argument',
    `The last migration of ${app} is ${last.name}, and this code does not have it. Check out the code that has it.`,
  );
}

async function isConfirmed(app: string, name: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new SetupError(
      'bad_argument',
      `This would take back ${name}, and delete what it has made. If you want that: --yes`,
    );
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new AbortController();
  terminal.once('close', () => closed.abort());
  const question = `${app}: take back ${name}, and delete what it has made with all its data? [y/N] `;
  const answer = await terminal.question(question, { signal: closed.signal }).catch(() => '');
  terminal.close();
  return answer.trim().toLowerCase() === 'y';
}
