/**
 * The migrations of every app make exactly the tables that its entities describe. TypeORM's own comparison decides,
 * on a database that the migrations have just made, as the owner role, in a PostgreSQL of its own.
 *
 * An app is any folder of apps/ with a src/database; a forgotten line in the lists of its index.ts is found as well.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DataSource, getMetadataArgsStorage } from 'typeorm';
import { dataSourceOptions, runMigrations } from '#service-kit';
import { provisionDatabase, type SuperuserLogin } from '../system/service-database.js';
import { freePort } from '../local/ports.js';
import { postgresDataParent } from '../local/postgres-home.js';
import { startPostgres, type PostgresLogin } from '../local/postgres.js';
import { tellReaper } from '../local/reaper-client.js';
import { projectRoot } from '../project.js';
import type { Check } from './check.js';

type DatabaseClass = new () => object;
type Exports = Record<string, unknown>;

/** What an app's `database/index.ts` exports. */
export interface DatabaseClasses {
  entities: DatabaseClass[];
  migrations: DatabaseClass[];
}

export const migrations: Check = {
  name: 'migrations',
  remedy:
    'Write a migration that does it, or declare on the entity what the migrations made (@Check, @Index, @Unique, ' +
    '@ForeignKey, each with the name it has in the database).',
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
      (sql) => `apps/${app}: to match the entities, the migrated database would still need: ${sql}`,
    ),
  ];
}

/** Runs the migrations on an empty database and returns the SQL that would still turn it into what entities describe. */
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

/** Entities and migrations that have a file and no place in the lists of `database/index.ts`. */
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
          `apps/${app}: ${(value as DatabaseClass).name} is not among the ${name} of database/index.ts`,
      );
  return [
    ...unlisted(entityClasses, entities, 'entities'),
    ...unlisted(migrationClasses, migrations, 'migrations'),
  ];
}

async function startThrowAwayPostgres(): Promise<{ superuser: SuperuserLogin; stop: () => Promise<void> }> {
  const stateDir = mkdtempSync(join(tmpdir(), 'check-postgres-'));
  // By the reaper, so that they go even when the check is interrupted.
  for (const folder of [stateDir, postgresDataParent(stateDir)]) tellReaper(`rm ${folder}`);
  const { child, superuser } = await startPostgres({
    stateDir,
    port: await freePort(),
    superuserPassword: randomBytes(18).toString('base64url'),
    logFile: join(stateDir, 'postgres.log'),
    durable: false,
  });
  return { superuser, stop: async () => void (await child.stop()) };
}

function built(app: string, file: string): string {
  return join(projectRoot, 'dist/apps', app, 'src', file);
}

function load(file: string): Promise<Exports> {
  return import(pathToFileURL(file).href) as Promise<Exports>;
}
