/**
 * `npm run db -- APP [--owner] [--state-dir DIR] [arguments of psql]`: a psql shell on the database of an app, as the role
 * of the service. With --owner it is the role that migrates.
 */
import { resolve } from 'node:path';
import { defaultStateDir } from '../local/state-dir.js';
import { SetupError } from '../system/setup-error.js';
import { requireAppWithDatabase } from './app-names.js';
import { runCommand } from '../run-command.js';
import { findPsql, runPsql } from './psql.js';
import { loginOf, withPostgres } from './state-postgres.js';

const usage = 'npm run db -- APP [--owner] [--state-dir DIR] [arguments of psql]';

await runCommand(async () => {
  const { app, stateDir, role, rest } = readGiven(process.argv.slice(2));
  const psql = findPsql();
  return withPostgres(stateDir, async (postgres) => {
    const login = loginOf(postgres, app, role);
    if (!postgres.running) console.error('The system does not run. PostgreSQL runs until this shell ends.');
    return runPsql(psql, login, rest);
  });
});

/** Our own arguments come first. The first one that is not ours belongs to psql, as do all after it. */
function readGiven([name, ...args]: string[]) {
  const app = requireAppWithDatabase(name, usage);
  let stateDir = defaultStateDir;
  let role: 'owner' | 'runtime' = 'runtime';
  for (;;) {
    if (args[0] === '--owner') role = 'owner';
    else if (args[0] === '--state-dir') stateDir = folderAfter(args);
    else return { app, stateDir: resolve(stateDir), role, rest: args };
    args.shift();
  }
}

function folderAfter(args: string[]): string {
  args.shift();
  if (args[0] !== undefined) return args[0];
  throw new SetupError('bad_argument', `--state-dir needs a folder. Usage: ${usage}`);
}
