import { createHash } from 'node:crypto';
import { type RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { DataSource } from 'typeorm';
import { AuthError } from '../errors.js';
import { network } from './network.js';
import { rateLimit, retryAfterSeconds } from './rate-limit.js';

export interface FailedLoginLimits {
  readonly perAccount: number;
  readonly perAddress: number;
  readonly windowSeconds: number;
}

/** A login attempt. It is counted for both of these. */
export interface Attempt {
  readonly email: string;
  readonly address: string;
}

/**
 * Counts failed logins per account and per network address. The count is in the database, for all replicas. Each
 * attempt is charged before its password is checked, and refunded if the password is right. So many guesses at the same
 * time cannot pass the limit, and a successful login costs nothing.
 */
export class FailedLogins {
  private readonly limiters: { limiter: RateLimiterPostgres; keyOf: (attempt: Attempt) => string }[];

  constructor(dataSource: DataSource, { perAccount, perAddress, windowSeconds }: FailedLoginLimits) {
    const limiter = (name: string, points: number) => rateLimit(dataSource, { name, points, windowSeconds });
    this.limiters = [
      { limiter: limiter('account', perAccount), keyOf: ({ email }) => digest(email) },
      { limiter: limiter('address', perAddress), keyOf: ({ address }) => network(address) },
    ];
  }

  /** @throws AuthError `too_many_failed_logins` with the time to wait, if a limit is reached */
  async check(attempt: Attempt): Promise<void> {
    for (const { limiter, keyOf } of this.limiters) {
      const used = await limiter.get(keyOf(attempt));
      if (used && used.consumedPoints >= limiter.points) throw tooMany(used);
    }
  }

  /** Charges an attempt. @throws AuthError `too_many_failed_logins` */
  async charge(attempt: Attempt): Promise<void> {
    const charged: typeof this.limiters = [];
    for (const entry of this.limiters) {
      try {
        await entry.limiter.consume(entry.keyOf(attempt));
        charged.push(entry);
      } catch (error) {
        // A refused attempt does not count: both limits are given back.
        for (const { limiter, keyOf } of [...charged, entry]) await limiter.reward(keyOf(attempt));
        throw error instanceof RateLimiterRes ? tooMany(error) : error;
      }
    }
  }

  /** Refunds an attempt whose password is right. */
  async refund(attempt: Attempt): Promise<void> {
    for (const { limiter, keyOf } of this.limiters) await limiter.reward(keyOf(attempt));
  }
}

function tooMany(used: RateLimiterRes): AuthError {
  return new AuthError('too_many_failed_logins', { retryAfterSeconds: retryAfterSeconds(used) });
}

/** A key for the table. It is short and does not show the e-mail address. */
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');
