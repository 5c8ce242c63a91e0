/**
 * Finds the apps that have a database, and loads the entities and migrations of their build. An app has a database if it
 * has a src/database/index.ts.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type DataSourceOptions, getMetadataArgsStorage, type MigrationInterface } from 'typeorm';
import { dataSourceOptions } from '#service-kit';
import type { PostgresLogin } from '../local/postgres.js';
import { projectRoot } from '../project.js';
import { services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';

type Exports = Record<string, unknown>;
type DatabaseClass = new () => object;

/** What `database/index.ts` of an app exports. */
export interface DatabaseClasses {
  entities: DatabaseClass[];
  migrations: (new () => MigrationInterface)[];
}

/** The names of all apps with a database. */
export function appsWithDatabase(): string[] {
  return readdirSync(join(projectRoot, 'dist/apps'))
    .filter((app) => existsSync(built(app, 'database/index.js')))
    .sort();
}

/** Returns the name if it is an app with a database. @throws SetupError `bad_argument` */
export function requireAppWithDatabase(name: string | undefined, usage: string): string {
  const apps = appsWithDatabase();
  if (name !== undefined && apps.includes(name)) return name;
  const known = `Expected: ${apps.join(', ')}. Usage: ${usage}`;
  if (name === undefined) throw new SetupError('bad_argument', `The name of the app is missing. ${known}`);
  const isService = services.some((row) => row.name === name);
  throw new SetupError(
    'bad_argument',
    isService
      ? `apps/${name} has no src/database/index.ts. ${known}`
      : `There is no app named "${name}". ${known}`,
  );
}

/** Loads what `database/index.ts` of an app exports. */
export async function loadClasses(app: string): Promise<DatabaseClasses> {
  return (await load(built(app, 'database/index.js'))) as unknown as DatabaseClasses;
}

/** The TypeORM options of a login. */
export function optionsFor(
  login: PostgresLogin,
  classes: DatabaseClasses,
): Extract<DataSourceOptions, { type: 'postgres' }> {
  return dataSourceOptions(
    {
      databaseHost: login.host,
      databasePort: login.port,
      databaseName: login.database,
      databaseUser: login.user,
      databasePassword: login.password,
      databasePoolSize: 2,
      databaseStatementTimeoutMs: 10_000,
      databaseConnectTimeoutMs: 10_000,
      databaseConnectionSeconds: 1_800,
    },
    classes,
  );
}

/** Finds entities and migrations that have a file, but are not in the lists of `database/index.ts`. */
export async function unlistedClasses(
  app: string,
  { entities, migrations }: DatabaseClasses,
): Promise<string[]> {
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
