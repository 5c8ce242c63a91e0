import type { Pool, PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import type { HealthCheck } from './health.js';
import type { PostgresClient } from './postgres-client.js';

/**
 * Up while the database answers a query. While every connection is in use, no query can be made, which is not a fault of
 * the database: it is `degraded` then, as long as a connection was given back in order within the time that one
 * statement may take.
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
      const isFull = pool.idleCount === 0 && pool.totalCount >= pool.options.max;
      if (isFull && now() - lastGivenBack <= (longestQueryMs ?? 0))
        return { status: 'degraded', reason: 'busy' };
      await dataSource.query('SELECT 1');
      return { status: 'up' };
    },
  };
}
