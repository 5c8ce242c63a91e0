/**
 * PostgreSQL through TypeORM: the options that all programs use, and migrations. Only migrations make or change tables, as
 * the owner role (`withMigrationLock`). `DatabaseModule` is for services.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSourceOptions } from 'typeorm';
import { DataSource } from 'typeorm';
import { isDatabaseUnavailable } from './database-errors.js';
import { keptAlive, PostgresClient } from './postgres-client.js';
import type { DatabaseSettings } from './setting-groups.js';

export type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;
export type Entities = NonNullable<PostgresOptions['entities']>;

interface Classes {
  readonly entities: Entities;
  readonly migrations?: NonNullable<PostgresOptions['migrations']>;
}

/** Milliseconds between two attempts to connect. */
export const retryEveryMs = 1000;
const migrationWaitMs = 30_000;
/** Any constant works, if all programs that migrate this database use the same one. */
const migrationLock = 7_519_001;

/**
 * The options of every data source: no `synchronize`, a limit for each wait, a pool that survives the end of the
 * server, and no logging by TypeORM, which would write the parameters of a failed query. UUID defaults are
 * `gen_random_uuid()`.
 */
export function dataSourceOptions(
  settings: DatabaseSettings,
  classes: Classes,
  onIdleError: (error: Error) => void = () => undefined,
): PostgresOptions {
  return {
    type: 'postgres',
    host: settings.databaseHost,
    port: settings.databasePort,
    database: settings.databaseName,
    username: settings.databaseUser,
    password: settings.databasePassword,
    ...classes,
    synchronize: false,
    migrationsRun: false,
    logging: false,
    installExtensions: false,
    uuidExtension: 'pgcrypto',
    poolSize: settings.databasePoolSize,
    connectTimeoutMS: settings.databaseConnectTimeoutMs,
    // Without a listener, an idle connection that breaks would end the process.
    poolErrorHandler: onIdleError,
    extra: {
      Client: PostgresClient,
      // Queries of one transaction that do not wait for each other are one round trip.
      pipeline: true,
      ...keptAlive,
      maxLifetimeSeconds: settings.databaseConnectionSeconds,
      statement_timeout: settings.databaseStatementTimeoutMs,
      idle_in_transaction_session_timeout: 2 * settings.databaseStatementTimeoutMs,
      // The server's own limit does not help if the server disappears without closing the connection.
      query_timeout: settings.databaseStatementTimeoutMs + 1000,
    },
  };
}

/**
 * Runs the pending migrations, each in its own transaction, and returns their names. The table `migrations` also says
 * when each was applied, and the runtime role cannot write it.
 */
export async function runMigrations(options: PostgresOptions): Promise<string[]> {
  return withMigrationLock(options, async (dataSource) => {
    await dataSource.showMigrations(); // makes the table
    await dataSource.query(`
      ALTER TABLE migrations ADD COLUMN IF NOT EXISTS applied_at timestamptz;
      ALTER TABLE migrations ALTER applied_at SET DEFAULT now();
      DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = current_database()) THEN
          EXECUTE format('REVOKE ALL ON migrations, migrations_id_seq FROM %I', current_database());
        END IF;
      END $$`);
    const done = await dataSource.runMigrations({ transaction: 'each' });
    return done.map(({ name }) => name);
  });
}

/**
 * Connects, waits until no other program changes the tables of this database, and does the work. Waits up to 30 s for
 * the database. So if several programs migrate at once, one does it, and the others then find nothing to do.
 */
export async function withMigrationLock<T>(
  options: PostgresOptions,
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  const { query_timeout: _, ...extra } = options.extra as Record<string, unknown>;
  const dataSource = new DataSource({ ...options, extra: { ...extra, statement_timeout: 0 } });
  const deadline = performance.now() + migrationWaitMs;
  while (!dataSource.isInitialized) {
    await dataSource.initialize().catch(async (error: unknown) => {
      if (!isDatabaseUnavailable(error) || performance.now() > deadline) throw error;
      await delay(retryEveryMs);
    });
  }
  const lock = dataSource.createQueryRunner();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [migrationLock]);
    return await work(dataSource);
  } finally {
    // Closing the connection releases the lock.
    await lock.release();
    await dataSource.destroy();
  }
}
