/**
 * PostgreSQL through TypeORM, for processes that run longer than their database.
 *
 * A service starts and answers without its database, and uses it as soon as it can be reached. Until then, queries fail
 * with `database_unavailable`. Only migrations make or change tables, as the owner role (`withMigrationLock`).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { BeforeApplicationShutdown, DynamicModule } from '@nestjs/common';
import { Inject, Logger, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSourceOptions } from 'typeorm';
import { DataSource } from 'typeorm';
import { isDatabaseUnavailable } from './database-errors.js';
import { keptAlive, PostgresClient } from './postgres-client.js';
import { securityEvent } from './security-events.js';
import type { DatabaseSettings } from './setting-groups.js';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;
export type Entities = NonNullable<PostgresOptions['entities']>;

interface Classes {
  readonly entities: Entities;
  readonly migrations?: NonNullable<PostgresOptions['migrations']>;
}

const retryEveryMs = 1000;
const migrationWaitMs = 30_000;
/** Any constant works, if all programs that migrate this database use the same one. */
const migrationLock = 7_519_001;

const logger = new Logger('Database');

/**
 * The options of every data source: no `synchronize`, a limit for each wait, a pool that survives the end of the
 * server, and no logging by TypeORM, which would write the parameters of a failed query. UUID defaults are
 * `gen_random_uuid()`.
 */
export function dataSourceOptions(settings: DatabaseSettings, classes: Classes): PostgresOptions {
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
    poolErrorHandler: (error: Error) => logger.warn(`an idle connection broke: ${error.message}`),
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
 * The global TypeORM module of a service. The start waits for one attempt to connect. If it fails, attempts continue in
 * the background until one succeeds or the app closes.
 */
export function databaseModule(settings: DatabaseSettings, entities: Entities): DynamicModule {
  return {
    module: DatabaseModule,
    imports: [
      TypeOrmModule.forRootAsync({
        useFactory: () => ({ ...dataSourceOptions(settings, { entities }), manualInitialization: true }),
        dataSourceFactory: async (options) => {
          const dataSource = new PatientDataSource(options!);
          await dataSource.open();
          return dataSource;
        },
      }),
    ],
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
          EXECUTE format('REVOKE ALL ON migrations FROM %I', current_database());
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

/** Connects when it can. It knows its entities before, so repositories exist and only their queries fail. */
class PatientDataSource extends DataSource {
  private readonly stopped = new AbortController();
  private attempts: Promise<void> = Promise.resolve();

  async open(): Promise<void> {
    await this.buildMetadatas();
    const problem = await this.attempt();
    if (problem === undefined) return;
    logger.warn(`the database cannot be reached; still trying: ${problem}`);
    this.attempts = this.keepTrying(problem);
  }

  async stopTrying(): Promise<void> {
    this.stopped.abort();
    await this.attempts;
  }

  private async keepTrying(told: string): Promise<void> {
    while (!this.stopped.signal.aborted) {
      await delay(retryEveryMs, undefined, { signal: this.stopped.signal }).catch(() => undefined);
      if (this.stopped.signal.aborted) return;
      const problem = await this.attempt();
      if (problem === undefined) return securityEvent('database.connected', {});
      if (problem !== told) logger.warn(`the database cannot be reached; still trying: ${problem}`);
      told = problem;
    }
  }

  /** Tries to connect. Returns what went wrong, or undefined if it is connected. */
  private async attempt(): Promise<string | undefined> {
    try {
      await this.initialize();
      return undefined;
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException;
      return message || code || 'unknown error';
    }
  }
}

@Module({})
class DatabaseModule implements BeforeApplicationShutdown {
  constructor(@Inject(DataSource) private readonly dataSource: PatientDataSource) {}

  /** Runs before TypeORM's module closes the connections, so that nothing connects after it. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.dataSource.stopTrying();
  }
}
