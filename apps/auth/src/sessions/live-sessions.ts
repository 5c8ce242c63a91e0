/**
 * Sessions as they begin and end, within a transaction. Whoever does either has locked the account before, so that no
 * session begins while all are ended; a session that ends is to be revoked in the same transaction.
 */
import type { EntityManager } from 'typeorm';
import type { RevokedSubject } from '#statements';
import { Account } from '../accounts/account.entity.js';

/** Live ones of an account: all of them are named when the account logs out everywhere or is disabled. */
export const SESSION_LIMIT = 100;

/** A session that has expired is not live, though nobody ended it: there is no token of it to revoke. */
const LIVE = 'ended_at IS NULL AND expires_at > clock_timestamp()';

/** The account, which no one else begins or ends sessions of until the transaction is over. */
export function lockAccount(tx: EntityManager, id: string): Promise<Account | null> {
  return tx.findOne(Account, { where: { id }, lock: { mode: 'pessimistic_write' } });
}

/** Ends the oldest sessions where one more would be too many; they are what is to be revoked. */
export async function makeRoom(tx: EntityManager, accountId: string): Promise<RevokedSubject[]> {
  const tooMany = await tx.query<{ id: string }[]>(
    `SELECT id FROM session WHERE account_id = $1 AND ${LIVE} ORDER BY created_at DESC, id OFFSET $2`,
    [accountId, SESSION_LIMIT - 1],
  );
  return endSessions(tx, accountId, idsOf(tooMany));
}

/** Begins a session that lasts until its token has expired. */
export async function beginSession(
  tx: EntityManager,
  session: { sid: string; accountId: string; expiresAt: Date },
): Promise<void> {
  await tx.query(
    'INSERT INTO session (id, account_id, created_at, expires_at) VALUES ($1, $2, clock_timestamp(), $3)',
    [session.sid, session.accountId, session.expiresAt],
  );
}

/** Ends these sessions of the account, or all; those that were live until now are what is to be revoked. */
export async function endSessions(
  tx: EntityManager,
  accountId: string,
  ids?: readonly string[],
): Promise<RevokedSubject[]> {
  const [ended] = await tx.query<[{ id: string }[]]>(
    `UPDATE session SET ended_at = clock_timestamp()
      WHERE account_id = $1 AND ${LIVE} AND ($2::uuid[] IS NULL OR id = ANY($2)) RETURNING id`,
    [accountId, ids ?? null],
  );
  return idsOf(ended).map((value) => ({ kind: 'sid', value }));
}

/**
 * Removes some of the sessions that expired more than a day ago. No token of them is accepted anywhere, and what was
 * revoked is in a table of its own. A statement of its own that waits for no lock, so that it cannot deadlock.
 */
export async function removeExpiredSessions(manager: EntityManager): Promise<void> {
  await manager.query(
    `DELETE FROM session WHERE id IN (
       SELECT id FROM session WHERE expires_at < clock_timestamp() - interval '1 day'
       ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)`,
  );
}

const idsOf = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id);
