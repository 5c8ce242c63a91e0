/**
 * The lock between signing tokens and changing the active key. Transactions that sign tokens share it. A transaction
 * that changes the active key holds it alone. Row locks alone are not fair: PostgreSQL lets a new FOR SHARE pass a
 * waiting FOR UPDATE. Under constant load a rotation or a key revocation would wait forever. PostgreSQL grants advisory
 * locks in order.
 */
import type { EntityManager } from 'typeorm';

/** Any number is good if nothing else in this database uses it for an advisory lock. */
const SIGNING = 7_519_002;

declare const shared: unique symbol;

/** A transaction that shares the lock until it ends. Only {@link shareSigning} makes one. */
export interface SharedSigning {
  readonly tx: EntityManager;
  /** When it began to wait for the lock, by `performance.now()`. */
  readonly begunAt: number;
  readonly [shared]: true;
}

/** Shares the lock until the transaction ends. First waits while another one holds the lock alone, or waits for that. */
export async function shareSigning(tx: EntityManager): Promise<SharedSigning> {
  const begunAt = performance.now();
  await tx.query('SELECT pg_advisory_xact_lock_shared($1)', [SIGNING]);
  return { tx, begunAt } as SharedSigning;
}

/**
 * Holds the lock alone until the transaction ends. First waits for the tokens that are being signed. Returns the time
 * of the database when it has the lock.
 */
export async function holdSigning(tx: EntityManager): Promise<Date> {
  // PostgreSQL computes the columns after the rows of FROM, so the clock is read after the wait.
  const [clock] = await tx.query<{ now: Date }[]>(
    'SELECT clock_timestamp() AS now FROM pg_advisory_xact_lock($1)',
    [SIGNING],
  );
  return clock!.now;
}
