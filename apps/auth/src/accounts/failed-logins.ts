import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { DataSource } from 'typeorm';
import { AuthError } from '../errors.js';

export interface FailedLoginLimits {
  readonly perAccount: number;
  readonly perAddress: number;
  readonly windowSeconds: number;
}

/** What a login attempt is counted under. */
export interface Attempt {
  readonly email: string;
  readonly address: string;
}

/**
 * Counts failed logins per account and per address, in the database, for all replicas. Every attempt is charged
 * before its password is looked at and refunded if it was right: so successes are free, and a thousand guesses at the
 * same moment are still a thousand.
 */
export class FailedLogins {
  private readonly limiters: { limiter: RateLimiterPostgres; keyOf: (attempt: Attempt) => string }[];

  constructor(dataSource: DataSource, { perAccount, perAddress, windowSeconds }: FailedLoginLimits) {
    const limiter = (keyPrefix: string, points: number) =>
      new RateLimiterPostgres({
        // Not the driver's pool, which is not there before the first connection.
        storeClient: {
          query: async ({ text, values }: { text: string; values: unknown[] }) => {
            const rows = await dataSource.query<unknown[]>(text, values);
            return { rows, rowCount: rows.length };
          },
        },
        storeType: 'client',
        tableName: 'failed_login',
        tableCreated: true,
        keyPrefix,
        points,
        duration: windowSeconds,
      });
    this.limiters = [
      { limiter: limiter('account', perAccount), keyOf: ({ email }) => digest(email) },
      { limiter: limiter('address', perAddress), keyOf: ({ address }) => network(address) },
    ];
  }

  /** @throws AuthError `too_many_failed_logins` with the time to wait, if a limit is used up */
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
        // What was refused was no attempt: neither limit is to grow by it.
        for (const { limiter, keyOf } of [...charged, entry]) await limiter.reward(keyOf(attempt));
        throw error instanceof RateLimiterRes ? tooMany(error) : error;
      }
    }
  }

  /** Gives back what a right password was charged. */
  async refund(attempt: Attempt): Promise<void> {
    for (const { limiter, keyOf } of this.limiters) await limiter.reward(keyOf(attempt));
  }
}

function tooMany({ msBeforeNext }: RateLimiterRes): AuthError {
  return new AuthError('too_many_failed_logins', {
    retryAfterSeconds: Math.max(1, Math.ceil(msBeforeNext / 1000)),
  });
}

/** Keys are short and say nothing to who reads the table. */
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');

/**
 * What an address is counted under, however it is spelled: an IPv4 address as it is, also where it is mapped into IPv6;
 * of an IPv6 address the /64, since whoever has one address there has all of them.
 */
export function network(address: string): string {
  const [plain = ''] = address.split('%');
  if (!isIPv6(plain)) return address;
  const full = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(full);
  if (mapped)
    return mapped
      .slice(1)
      .flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255])
      .join('.');
  const [head = '', tail] = full.split('::');
  const groups = head.split(':').filter(Boolean);
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').filter(Boolean).length;
  return [...groups, ...Array<string>(missing).fill('0'), ...(tail?.split(':') ?? [])].slice(0, 4).join(':');
}
