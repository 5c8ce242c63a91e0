import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';
import { AuthError } from '../errors.js';
import { normalizePassword } from './password-policy.js';

/** argon2id with the parameters of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane. */
const PARAMETERS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const QUEUED_LOGINS = 200;
/** How many registrations wait for each thing that is done in turn. */
export const QUEUED_REGISTRATIONS = 20;

/**
 * Hashes and checks passwords, a bounded number at a time: each hash holds 19 MiB and a thread of the pool that
 * signing and DNS use too.
 *
 * Logins stand in one queue. Registrations have a queue of their own, of which one at a time stands among the logins:
 * so a flood of registrations makes a login wait for one hash more and never fills its queue.
 */
export class PasswordHasher {
  private readonly turns;
  private readonly registrations = pLimit(1);
  private readonly unknown = hash('a password that no account has', PARAMETERS);

  constructor(concurrency: number) {
    this.turns = pLimit(concurrency);
  }

  hash(password: string): Promise<string> {
    return this.turns(() => hash(normalizePassword(password), PARAMETERS));
  }

  /**
   * Runs `register` when no other registration runs, with a function that hashes a password when its turn has come.
   *
   * @throws AuthError `registrations_busy` when the queue is full
   */
  registering<T>(register: (hash: (password: string) => Promise<string>) => Promise<T>): Promise<T> {
    if (this.registrations.pendingCount >= QUEUED_REGISTRATIONS)
      throw new AuthError('registrations_busy', { retryAfterSeconds: 2 });
    return this.registrations(() => register((password) => this.hash(password)));
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
    if (this.turns.pendingCount >= QUEUED_LOGINS) throw new AuthError('login_busy', { retryAfterSeconds: 2 });
    return this.turns(() =>
      check(async (password, passwordHash) => {
        const matched = await verify(passwordHash ?? (await this.unknown), normalizePassword(password));
        return matched && passwordHash !== undefined;
      }),
    );
  }
}
