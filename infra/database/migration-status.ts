/** `npm run migration:status [-- APP] [--state-dir DIR]`: lists the migrations of each database. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultStateDir } from '../local/state-dir.js';
import { SetupError } from '../system/setup-error.js';
import { loadClasses } from './app-database.js';
import { appsWithDatabase, requireAppWithDatabase } from './app-names.js';
import { readArguments, runCommand } from '../run-command.js';
import { migrationStates, type MigrationState } from './migration-history.js';
import { loginOf, withPostgres } from './state-postgres.js';

const usage = 'npm run migration:status [-- APP] [--state-dir DIR]';

await runCommand(async () => {
  const { positionals, values } = readArguments(usage, () =>
    parseArgs({ allowPositionals: true, options: { 'state-dir': { type: 'string' } } }),
  );
  if (positionals.length > 1) throw new SetupError('bad_argument', `Give at most one app. Usage: ${usage}`);
  const [app] = positionals;
  const apps = app === undefined ? appsWithDatabase() : [requireAppWithDatabase(app, usage)];
  await withPostgres(resolve(values['state-dir'] ?? defaultStateDir), async (postgres) => {
    for (const each of apps) {
      const states = await migrationStates(loginOf(postgres, each, 'owner'), await loadClasses(each));
      console.log([each, ...states.map(line)].join('\n'));
    }
  });
});

function line({ name, state, appliedAt }: MigrationState): string {
  const time = appliedAt?.toISOString().replace(/\.\d+/, '') ?? '';
  const note = state === 'unknown' ? '   the database has it, but this code does not' : '';
  return `  ${state.padEnd(7)}  ${time.padEnd(20)}  ${name}${note}`;
}
