/**
 * Checks that the migrations of every app make exactly the tables that its entities describe. It starts a PostgreSQL of
 * its own, migrates an empty database as the owner role, and lets TypeORM compare the database with the entities.
 *
 * An app is any folder of apps/ with a src/database. The check also finds an entity or a migration that is missing in the
 * lists of its database/index.ts.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DataSource, getMetadataArgsStorage } from 'typeorm';
import { dataSourceOptions, runMigrations } from '#service-kit';
import { provisionDatabase, type SuperuserLogin } from '../system/service-database.js';
import type { PostgresLogin } from '../local/postgres.js';
import { startThrowAwayPostgres } from '../local/throw-away-postgres.js';
import { projectRoot } from '../project.js';
import type { Check } from './check.js';

type DatabaseClass = new () => object;
type Exports = Record<string, unknown>;

/** What `database/index.ts` of an app exports. */
interface DatabaseClasses {
  entities: DatabaseClass[];
  migrations: DatabaseClass[];
}

export const migrations: Check = {
  name: 'migrations',
  remedy:
    'Write a migration that runs this SQL, or declare on the entity what the migrations have made (@Check, @Index, ' +
    '@Unique, @ForeignKey, each with its name in the database).',
  run: async () => {
    const apps = readdirSync(join(projectRoot, 'apps')).filter((app) =>
      existsSync(built(app, 'database/index.js')),
    );
    const { superuser, stop } = await startThrowAwayPostgres();
    try {
      const faults = await Promise.all(apps.map((app) => appFaults(app, superuser)));
      return faults.flat();
    } finally {
      await stop();
    }
  },
};

async function appFaults(app: string, superuser: SuperuserLogin): Promise<string[]> {
  const classes = (await load(built(app, 'database/index.js'))) as unknown as DatabaseClasses;
  const password = randomBytes(12).toString('base64url');
  const owner = { name: `${app}_owner`, password };
  await provisionDatabase(superuser, { database: app, owner, runtime: { name: app, password } });
  const differences = await schemaDifferences(
    { ...superuser, database: app, user: owner.name, password },
    classes,
  );
  return [
    ...(await unlistedClasses(app, classes)),
    ...differences.map(
      (sql) =>
        `apps/${app}: after all migrations, the database does not match the entities. This SQL is missing: ${sql}`,
    ),
  ];
}

/** Runs the migrations on an empty database. Returns the SQL that is still missing to match the entities. */
export async function schemaDifferences(owner: PostgresLogin, classes: DatabaseClasses): Promise<string[]> {
  const options = dataSourceOptions(
    {
      databaseHost: owner.host,
      databasePort: owner.port,
      databaseName: owner.database,
      databaseUser: owner.user,
      databasePassword: owner.password,
      databasePoolSize: 2,
      databaseStatementTimeoutMs: 10_000,
      databaseConnectTimeoutMs: 10_000,
      databaseConnectionSeconds: 1_800,
    },
    classes,
  );
  await runMigrations(options);
  const dataSource = await new DataSource(options).initialize();
  try {
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    return upQueries.map(({ query }) => query);
  } finally {
    await dataSource.destroy();
  }
}

/** Finds entities and migrations that have a file, but are not in the lists of `database/index.ts`. */
async function unlistedClasses(app: string, { entities, migrations }: DatabaseClasses): Promise<string[]> {
  const files = readdirSync(built(app, ''), { recursive: true, encoding: 'utf8' });
  const classesOf = async (pattern: RegExp): Promise<unknown[]> => {
    const modules = await Promise.all(
      files.filter((file) => pattern.test(file)).map((file) => load(built(app, file))),
    );
    return modules.flatMap((exports) => Object.values(exports));
  };
  const tables = getMetadataArgsStorage().tables.map(({ target }) => target);
  const entityClasses = (await classesOf(/\.entity\.js$/)).filter((value) =>
    tables.includes(value as DatabaseClass),
  );
  const migrationClasses = await classesOf(/^database\/migrations\/.*\.js$/);
  const unlisted = (classes: unknown[], list: unknown[], name: string): string[] =>
    classes
      .filter((value) => !list.includes(value))
      .map(
        (value) =>
          `apps/${app}: ${(value as DatabaseClass).name} is not in the list "${name}" of database/index.ts`,
      );
  return [
    ...unlisted(entityClasses, entities, 'entities'),
    ...unlisted(migrationClasses, migrations, 'migrations'),
  ];
}

function built(app: string, file: string): string {
  return join(projectRoot, 'dist/apps', app, 'src', file);
}

function load(file: string): Promise<Exports> {
  return import(pathToFileURL(file).href) as Promise<Exports>;
}
