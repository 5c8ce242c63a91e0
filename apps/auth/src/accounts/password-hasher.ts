import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';
import { AuthError } from '../errors.js';
import { normalizePassword } from './password-policy.js';

/** argon2id with the parameters of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane. */
const PARAMETERS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const QUEUE = 200;

/**
 * Hashes and checks passwords, a bounded number at a time: each hash holds 19 MiB and a thread of the pool that
 * signing and DNS use too.
 */
export class PasswordHasher {
  private readonly limit;
  private readonly unknown = hash('a password that no account has', PARAMETERS);

  constructor(concurrency: number) {
    this.limit = pLimit(concurrency);
  }

  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(normalizePassword(password), PARAMETERS));
  }

  /**
   * Runs `check` when its turn has come, with a function that compares a password with a hash. Without a hash it
   * compares with one that nothing matches, so that an unknown account takes as long as a known one.
   *
   * @throws AuthError `login_busy` when the queue is full
   */
  comparing<T>(
    check: (matches: (password: string, passwordHash: string | undefined) => Promise<boolean>) => Promise<T>,
  ): Promise<T> {
    return this.inTurn(() =>
      check(async (password, passwordHash) => {
        const matched = await verify(passwordHash ?? (await this.unknown), normalizePassword(password));
        return matched && passwordHash !== undefined;
      }),
    );
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.limit.pendingCount >= QUEUE) throw new AuthError('login_busy', { retryAfterSeconds: 2 });
    return this.limit(work);
  }
}
