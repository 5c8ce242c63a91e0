import pLimit from 'p-limit';
import { type RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { DataSource } from 'typeorm';
import { AuthError } from '../errors.js';
import { network } from './network.js';
import { QUEUED_REGISTRATIONS } from './password-hasher.js';
import { rateLimit, retryAfterSeconds } from './rate-limit.js';

export interface RegistrationLimits {
  readonly perAddress: number;
  readonly windowSeconds: number;
}

/**
 * Counts registrations per address, in the database, for all replicas. One counts as soon as its password is about to
 * be hashed, whether an account comes of it or not: hashing is what costs, and a taken e-mail address is what leaks.
 */
export class Registrations {
  private readonly limiter: RateLimiterPostgres;
  /** A flood of registrations must leave the connections to the database to the logins. */
  private readonly checks = pLimit(2);

  constructor(dataSource: DataSource, { perAddress, windowSeconds }: RegistrationLimits) {
    this.limiter = rateLimit(dataSource, { name: 'registration', points: perAddress, windowSeconds });
  }

  /**
   * @throws AuthError `too_many_registrations` with the time to wait, if the limit is used up · `registrations_busy`
   *   if too many wait to be checked
   */
  async check(address: string): Promise<void> {
    if (this.checks.pendingCount >= QUEUED_REGISTRATIONS)
      throw new AuthError('registrations_busy', { retryAfterSeconds: 2 });
    const used = await this.checks(() => this.limiter.get(network(address)));
    if (used && used.consumedPoints >= this.limiter.points) throw tooMany(used);
  }

  /** Charges a registration. @throws AuthError `too_many_registrations` */
  async charge(address: string): Promise<void> {
    try {
      await this.limiter.consume(network(address));
    } catch (error) {
      throw error instanceof RateLimiterRes ? tooMany(error) : error;
    }
  }
}

function tooMany(used: RateLimiterRes): AuthError {
  return new AuthError('too_many_registrations', { retryAfterSeconds: retryAfterSeconds(used) });
}
