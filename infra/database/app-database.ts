/** Loads the entities and the migrations of an app from its build. */
import { readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type DataSourceOptions, getMetadataArgsStorage, type MigrationInterface } from 'typeorm';
import { dataSourceOptions } from '#service-kit/base';
import type { PostgresLogin } from '../local/postgres.js';
import { built } from './app-names.js';

type Exports = Record<string, unknown>;
type DatabaseClass = new () => object;

/** What `database/index.ts` of an app exports. */
export interface DatabaseClasses {
  entities: DatabaseClass[];
  migrations: (new () => MigrationInterface)[];
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
  const options = dataSourceOptions(
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
  // A server that stops right after the last query may break a connection that nobody uses any more.
  return { ...options, poolErrorHandler: () => undefined };
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
  const exported = await classesOf(/\.entity\.js$/);
  // Now the decorators of all entities have run, also of those that no other file imports.
  const tables = getMetadataArgsStorage().tables.map(({ target }) => target);
  const entityClasses = exported.filter((value) => tables.includes(value as DatabaseClass));
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

function load(file: string): Promise<Exports> {
  return import(pathToFileURL(file).href) as Promise<Exports>;
}
