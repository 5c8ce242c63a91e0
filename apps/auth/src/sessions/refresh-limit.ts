import { type RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { DataSource } from 'typeorm';
import { network } from '../accounts/network.js';
import { rateLimit, retryAfterSeconds } from '../accounts/rate-limit.js';
import { AuthError } from '../errors.js';

const WINDOW_SECONDS = 60;

/** Counts refreshes per network address and minute. The count is in the database, for all replicas. */
export class RefreshLimit {
  private readonly limiter: RateLimiterPostgres;

  constructor(dataSource: DataSource, perAddress: number) {
    this.limiter = rateLimit(dataSource, {
      name: 'refresh',
      points: perAddress,
      windowSeconds: WINDOW_SECONDS,
    });
  }

  /** Charges a refresh. @throws AuthError `too_many_refreshes` with the time to wait */
  async charge(address: string): Promise<void> {
    try {
      await this.limiter.consume(network(address));
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      throw new AuthError('too_many_refreshes', { retryAfterSeconds: retryAfterSeconds(error) });
    }
  }
}
