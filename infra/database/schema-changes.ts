/** Compares a migrated database with the entities of its app, in a PostgreSQL that is thrown away. */
import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import { runMigrations } from '#service-kit/base';
import type { PostgresLogin } from '../local/postgres.js';
import { provisionDatabase, type SuperuserLogin } from '../system/service-database.js';
import { SetupError } from '../system/setup-error.js';
import { optionsFor, type DatabaseClasses } from './app-database.js';

/** The SQL statements that make the tables match the entities, and those that take this back. Each is in its order. */
export interface SchemaChanges {
  readonly up: readonly string[];
  readonly down: readonly string[];
}

/** Makes the database of an app with its two roles. Returns the login of the owner. */
export async function makeEmptyDatabase(superuser: SuperuserLogin, app: string): Promise<PostgresLogin> {
  const password = randomBytes(12).toString('base64url');
  const owner = { name: `${app}_owner`, password };
  await provisionDatabase(superuser, { database: app, owner, runtime: { name: app, password } });
  return { ...superuser, database: app, user: owner.name, password };
}

/** Runs the migrations on an empty database. Returns what is still missing to match the entities. */
export async function schemaChanges(owner: PostgresLogin, classes: DatabaseClasses): Promise<SchemaChanges> {
  return inMigrated(owner, classes, differences);
}

/**
 * Like `schemaChanges`, and then tries the statements: they must make the tables match, and take everything back.
 * @throws SetupError `bad_argument` if they do not
 */
export async function triedChanges(owner: PostgresLogin, classes: DatabaseClasses): Promise<SchemaChanges> {
  return inMigrated(owner, classes, async (dataSource) => {
    const changes = await differences(dataSource);
    await runAll(dataSource, changes.up);
    const left = await differences(dataSource);
    if (left.up.length > 0) throw unsettled(`After them, TypeORM wants still more: ${left.up[0]}`);
    await runAll(dataSource, changes.down);
    const after = await differences(dataSource);
    if (after.up.join() !== changes.up.join())
      throw unsettled('The statements for `down` do not take them back');
    return changes;
  });
}

async function inMigrated<T>(
  owner: PostgresLogin,
  classes: DatabaseClasses,
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  const options = optionsFor(owner, classes);
  await runMigrations(options);
  const dataSource = await new DataSource(options).initialize();
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

async function differences(dataSource: DataSource): Promise<SchemaChanges> {
  const { upQueries, downQueries } = await dataSource.driver.createSchemaBuilder().log();
  const withValues = upQueries.find(({ parameters }) => parameters !== undefined && parameters.length > 0);
  // TypeORM writes facts about views and generated columns into a table of its own. No migration makes this table.
  if (withValues) throw unsettled(`One of them needs a table of TypeORM: ${withValues.query}`);
  return {
    up: upQueries.map(({ query }) => query),
    down: downQueries.map(({ query }) => query).reverse(),
  };
}

async function runAll(dataSource: DataSource, statements: readonly string[]): Promise<void> {
  for (const sql of statements)
    await dataSource.query(sql).catch((error: Error) => {
      throw unsettled(`"${sql}" failed: ${error.message}`);
    });
}

function unsettled(reason: string): SetupError {
  return new SetupError(
    'bad_argument',
    `The statements of TypeORM do not work here. ${reason}. Write this migration by hand; npm run check:static compares it with the entities.`,
  );
}
