/**
 * Begins and ends sessions within a transaction. The caller must lock the account first, so that no session begins
 * while all sessions of the account end. The caller must revoke the ended sessions in the same transaction.
 */
import type { EntityManager } from 'typeorm';
import type { RevokedSubject } from '#statements';
import { Account } from '../accounts/account.entity.js';

/** The most live sessions of one account. Each of them gets a revocation when the account is disabled. */
export const SESSION_LIMIT = 100;

/** SQL for a live session. An expired session is not live, and all its tokens have expired. */
const LIVE = 'ended_at IS NULL AND expires_at > clock_timestamp()';

/** Locks the account. No other transaction begins or ends its sessions until this one is over. */
export function lockAccount(tx: EntityManager, id: string): Promise<Account | null> {
  return tx.findOne(Account, { where: { id }, lock: { mode: 'pessimistic_write' } });
}

/** Ends the oldest sessions if a new one would be too many. Returns the ended sessions, which must be revoked. */
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

/** Ends these live sessions of the account, or all of them. Returns the ended sessions, which must be revoked. */
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
 * Deletes up to 100 sessions that expired more than a day ago. All their tokens have expired, and revocations have
 * their own table. It is one SQL statement that skips locked rows, so that it cannot deadlock.
 */
export async function removeExpiredSessions(manager: EntityManager): Promise<void> {
  await manager.query(
    `DELETE FROM session WHERE id IN (
       SELECT id FROM session WHERE expires_at < clock_timestamp() - interval '1 day'
       ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)`,
  );
}

const idsOf = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id);
