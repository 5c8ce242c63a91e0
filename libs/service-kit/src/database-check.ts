import type { Pool, PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import type { HealthCheck } from './health.js';
import type { PostgresClient } from './postgres-client.js';

/**
 * Up while the database answers a query. While all connections are in use, no query can be made, but this is not a
 * fault of the database. The result is then `degraded`, if a working connection was given back within the time that one
 * statement may take. If none was, the check waits for a connection like any other query.
 */
export function databaseCheck(
  dataSource: DataSource,
  now: () => number = () => performance.now(),
): HealthCheck {
  let watched: Pool | undefined;
  let lastGivenBack = -Infinity;

  const watch = (pool: Pool): void => {
    if (pool === watched) return;
    watched = pool;
    pool.on('release', (error, client) => {
      if (!error && !(client as PoolClient & Partial<Pick<PostgresClient, 'silent'>>).silent)
        lastGivenBack = now();
    });
  };

  return {
    name: 'database',
    check: async () => {
      if (!dataSource.isInitialized) return { status: 'down' };
      const pool = (dataSource.driver as unknown as { master: Pool }).master;
      watch(pool);
      const { query_timeout: longestQueryMs } = pool.options as { query_timeout?: number };
      const allInUse = pool.idleCount === 0 && pool.totalCount >= pool.options.max;
      const oneWorkedLately = now() - lastGivenBack <= (longestQueryMs ?? 0);
      if (allInUse && oneWorkedLately) return { status: 'degraded', reason: 'busy' };
      await dataSource.query('SELECT 1');
      return { status: 'up' };
    },
  };
}
