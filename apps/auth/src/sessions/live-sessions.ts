/**
 * Sessions as they begin and end, within a transaction. Whoever does either has locked the account before, so that no
 * session begins while all are ended; a session that ends is to be revoked in the same transaction.
 */
import type { EntityManager } from 'typeorm';
import type { RevokedSubject } from '#statements';
import { Account } from '../accounts/account.entity.js';

/** Live ones of an account: all of them are named when the account logs out everywhere or is disabled. */
export const SESSION_LIMIT = 100;

/** The account, which no one else begins or ends sessions of until the transaction is over. */
export function lockAccount(tx: EntityManager, id: string): Promise<Account | null> {
  return tx.findOne(Account, { where: { id }, lock: { mode: 'pessimistic_write' } });
}

/** Begins a session; `ended` are the oldest, if there would be too many. */
export async function beginSession(
  tx: EntityManager,
  accountId: string,
): Promise<{ sid: string; ended: RevokedSubject[] }> {
  const tooMany = await tx.query<{ id: string }[]>(
    'SELECT id FROM session WHERE account_id = $1 AND ended_at IS NULL ORDER BY created_at DESC, id OFFSET $2',
    [accountId, SESSION_LIMIT - 1],
  );
  const ended = await endSessions(tx, accountId, idsOf(tooMany));
  const [session] = await tx.query<{ id: string }[]>(
    'INSERT INTO session (account_id, created_at) VALUES ($1, clock_timestamp()) RETURNING id',
    [accountId],
  );
  return { sid: session!.id, ended };
}

/** Ends these sessions of the account, or all; those that had not ended yet are what is to be revoked. */
export async function endSessions(
  tx: EntityManager,
  accountId: string,
  ids?: readonly string[],
): Promise<RevokedSubject[]> {
  const [ended] = await tx.query<[{ id: string }[]]>(
    `UPDATE session SET ended_at = clock_timestamp()
      WHERE account_id = $1 AND ended_at IS NULL AND ($2::uuid[] IS NULL OR id = ANY($2)) RETURNING id`,
    [accountId, ids ?? null],
  );
  return idsOf(ended).map((value) => ({ kind: 'sid', value }));
}

const idsOf = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id);
