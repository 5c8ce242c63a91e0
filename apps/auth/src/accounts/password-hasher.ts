import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';
import { AuthError } from '../errors.js';
import { normalizePassword } from './password-policy.js';

/** argon2id with the parameters of OWASP's Password Storage Cheat Sheet: 19 MiB of memory, two passes, one lane. */
const PARAMETERS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** How many logins may wait for their turn. */
const QUEUED_LOGINS = 200;
/** How many registrations may wait in each of their queues. */
export const QUEUED_REGISTRATIONS = 20;

/**
 * Hashes and checks passwords, a bounded number at the same time. Each hash needs 19 MiB of memory and a thread of the
 * pool that signing and DNS use, too.
 *
 * Logins wait in one queue. Registrations wait in a queue of their own, and only the first of them enters the queue of
 * the logins. So a flood of registrations never fills the queue of the logins: a login waits for one more hash at most.
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
   * Runs `register` when no other registration runs. `register` gets a function that waits for its turn and hashes a
   * password.
   *
   * @throws AuthError `registrations_busy` when the queue is full
   */
  registering<T>(register: (hash: (password: string) => Promise<string>) => Promise<T>): Promise<T> {
    if (this.registrations.pendingCount >= QUEUED_REGISTRATIONS)
      throw new AuthError('registrations_busy', { retryAfterSeconds: 2 });
    return this.registrations(() => register((password) => this.hash(password)));
  }

  /**
   * Waits for its turn and runs `check`. `check` gets a function that compares a password with a hash. Without a hash
   * the function takes as long and returns false, so that nobody can tell an unknown account by the time of the answer.
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
