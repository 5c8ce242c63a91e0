import pLimit from 'p-limit';
import type { RateLimiterPostgres } from 'rate-limiter-flexible';
import type { DataSource } from 'typeorm';
import { AuthError } from '../errors.js';
import { network } from './network.js';
import { QUEUED_REGISTRATIONS } from './password-hasher.js';
import { charge, rateLimit, retryAfterSeconds } from './rate-limit.js';

export interface RegistrationLimits {
  readonly perAddress: number;
  readonly windowSeconds: number;
}

/**
 * Counts registrations per network address. The count is in the database, for all replicas. A registration counts
 * before its password is hashed, also if it fails afterwards. Hashing is expensive, and the answer `email_taken` tells
 * an attacker that an account exists.
 */
export class Registrations {
  private readonly limiter: RateLimiterPostgres;
  /** Two checks at the same time, so that a flood of registrations leaves database connections to the logins. */
  private readonly checks = pLimit(2);

  constructor(dataSource: DataSource, { perAddress, windowSeconds }: RegistrationLimits) {
    this.limiter = rateLimit(dataSource, { name: 'registration', points: perAddress, windowSeconds });
  }

  /**
   * @throws AuthError `too_many_registrations` with the time to wait, if the limit is reached · `registrations_busy`
   *   if too many registrations wait
   */
  async check(address: string): Promise<void> {
    if (this.checks.pendingCount >= QUEUED_REGISTRATIONS)
      throw new AuthError('registrations_busy', { retryAfterSeconds: 2 });
    const used = await this.checks(() => this.limiter.get(network(address)));
    if (used && used.consumedPoints >= this.limiter.points)
      throw new AuthError('too_many_registrations', { retryAfterSeconds: retryAfterSeconds(used) });
  }

  /** Charges a registration. @throws AuthError `too_many_registrations` */
  charge(address: string): Promise<void> {
    return charge(this.limiter, address, 'too_many_registrations');
  }
}
