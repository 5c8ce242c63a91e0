/**
 * The database of a service, which runs longer than the database does. A service starts and answers without its database,
 * and uses it as soon as it can be reached. Until then, queries fail with `database_unavailable`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { BeforeApplicationShutdown, DynamicModule } from '@nestjs/common';
import { Inject, Logger, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { dataSourceOptions, retryEveryMs, type Entities } from './database.js';
import { securityEvent } from './security-events.js';
import type { DatabaseSettings } from './setting-groups.js';

const logger = new Logger('Database');

/**
 * The global TypeORM module of a service. The start waits for one attempt to connect. If it fails, attempts continue in
 * the background until one succeeds or the app closes.
 */
export function databaseModule(settings: DatabaseSettings, entities: Entities): DynamicModule {
  return {
    module: DatabaseModule,
    imports: [
      TypeOrmModule.forRootAsync({
        useFactory: () => ({
          ...dataSourceOptions(settings, { entities }, ({ message }) =>
            logger.warn(`an idle connection broke: ${message}`),
          ),
          manualInitialization: true,
        }),
        dataSourceFactory: async (options) => {
          const dataSource = new PatientDataSource(options!);
          await dataSource.open();
          return dataSource;
        },
      }),
    ],
  };
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
