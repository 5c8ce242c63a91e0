import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { DataSource } from 'typeorm';
import { AuthError, type AuthErrorCode } from '../errors.js';
import { network } from './network.js';

interface RateLimitOptions {
  /** The name of the limit. Limits with different names count apart. */
  readonly name: string;
  readonly points: number;
  readonly windowSeconds: number;
}

/** Makes a limit on how often something may happen for one key. The database counts it for all replicas. */
export function rateLimit(
  dataSource: DataSource,
  { name, points, windowSeconds }: RateLimitOptions,
): RateLimiterPostgres {
  return new RateLimiterPostgres({
    // This asks the DataSource. The pool of the driver does not exist before the first connection.
    storeClient: {
      query: async ({ text, values }: { text: string; values: unknown[] }) => {
        const rows = await dataSource.query<unknown[]>(text, values);
        return { rows, rowCount: rows.length };
      },
    },
    storeType: 'client',
    // The table has the name of the first limit. All limits share it.
    tableName: 'failed_login',
    tableCreated: true,
    keyPrefix: name,
    points,
    duration: windowSeconds,
  });
}

/** Counts a request of a network address. @throws AuthError `code` with the time to wait, if the limit is reached */
export async function charge(
  limiter: RateLimiterPostgres,
  address: string,
  code: AuthErrorCode,
): Promise<void> {
  try {
    await limiter.consume(network(address));
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    throw new AuthError(code, { retryAfterSeconds: retryAfterSeconds(error) });
  }
}

/** How long a key must wait that has reached its limit. */
export function retryAfterSeconds({ msBeforeNext }: RateLimiterRes): number {
  return Math.max(1, Math.ceil(msBeforeNext / 1000));
}
