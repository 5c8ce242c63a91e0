/** `npm run migration:generate -- APP NAME`: writes the migration that makes the tables match the entities. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatted } from '../formatted.js';
import { startThrowAwayPostgres } from '../local/throw-away-postgres.js';
import { projectRoot, readProjectFile } from '../project.js';
import { writeAllOrNothing } from '../starter/all-or-nothing.js';
import { SetupError } from '../system/setup-error.js';
import { type DatabaseClasses, loadClasses, unlistedClasses } from './app-database.js';
import { requireAppWithDatabase } from './app-names.js';
import { readArguments, runCommand } from '../run-command.js';
import {
  cautions,
  migrationNameFault,
  migrationSource,
  nextMigration,
  registered,
} from './migration-text.js';
import { makeEmptyDatabase, type SchemaChanges, triedChanges } from './schema-changes.js';

const usage = 'npm run migration:generate -- APP NAME';

await runCommand(async () => {
  const { app, name } = readGiven();
  const classes = await loadClasses(app);
  const [unlisted] = await unlistedClasses(app, classes);
  if (unlisted !== undefined) throw new SetupError('bad_argument', `${unlisted}. Add it there first.`);
  const changes = await changesOf(app, classes);
  if (changes.up.length === 0)
    return console.log(
      `The migrations of ${app} already make what its entities describe. Nothing was written.`,
    );
  await write(app, name, changes, classes);
});

function readGiven(): { app: string; name: string } {
  const { positionals } = readArguments(usage, () => parseArgs({ allowPositionals: true }));
  const [given, name, ...more] = positionals;
  const app = requireAppWithDatabase(given, usage);
  if (name === undefined || more.length > 0)
    throw new SetupError('bad_argument', `Give one name for the migration. Usage: ${usage}`);
  const fault = migrationNameFault(name, migrationFiles(app));
  if (fault !== undefined) throw new SetupError('bad_argument', `${fault}.`);
  return { app, name };
}

async function changesOf(app: string, classes: DatabaseClasses): Promise<SchemaChanges> {
  const { superuser, stop } = await startThrowAwayPostgres();
  try {
    return await triedChanges(await makeEmptyDatabase(superuser, app), classes);
  } finally {
    await stop();
  }
}

async function write(
  app: string,
  name: string,
  changes: SchemaChanges,
  { migrations }: DatabaseClasses,
): Promise<void> {
  const classNames = migrations.map((each) => each.name);
  const names = nextMigration(name, migrationFiles(app), classNames);
  const path = `${folderOf(app)}/migrations/${names.file}.ts`;
  const index = `${folderOf(app)}/index.ts`;
  const source = migrationSource(names.className, changes);
  const list = registered({ path: index, text: readProjectFile(index) }, names);
  const files = { [path]: await formatted(path, source), [index]: await formatted(index, list) };
  await writeAllOrNothing({ root: projectRoot, files, alsoWritten: [], finish: async () => undefined });
  console.log([`new       ${path}`, `changed   ${index}`, ...cautions(changes)].join('\n'));
}

function migrationFiles(app: string): string[] {
  const folder = join(projectRoot, folderOf(app), 'migrations');
  return existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.ts')) : [];
}

function folderOf(app: string): string {
  return `apps/${app}/src/database`;
}
