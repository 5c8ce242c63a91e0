import { RateLimiterPostgres, type RateLimiterRes } from 'rate-limiter-flexible';
import type { DataSource } from 'typeorm';

interface RateLimitOptions {
  /** Which limit it is; keys of different limits do not meet. */
  readonly name: string;
  readonly points: number;
  readonly windowSeconds: number;
}

/** Makes a limit on how often something is done under one key, counted in the database for all replicas. */
export function rateLimit(
  dataSource: DataSource,
  { name, points, windowSeconds }: RateLimitOptions,
): RateLimiterPostgres {
  return new RateLimiterPostgres({
    // Not the driver's pool, which is not there before the first connection.
    storeClient: {
      query: async ({ text, values }: { text: string; values: unknown[] }) => {
        const rows = await dataSource.query<unknown[]>(text, values);
        return { rows, rowCount: rows.length };
      },
    },
    storeType: 'client',
    // The first limit was that of failed logins; the rows of all limits are alike.
    tableName: 'failed_login',
    tableCreated: true,
    keyPrefix: name,
    points,
    duration: windowSeconds,
  });
}

/** How long a key that has used up its limit must wait. */
export function retryAfterSeconds({ msBeforeNext }: RateLimiterRes): number {
  return Math.max(1, Math.ceil(msBeforeNext / 1000));
}
