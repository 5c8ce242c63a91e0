/**
 * Ends sessions within a transaction. The caller must lock the account first, so that no session begins while all
 * sessions of the account end, and none is refreshed while it ends.
 */
import type { EntityManager } from 'typeorm';
import { Account } from '../accounts/account.entity.js';
import { shareSigning } from '../key-set/signing-lock.js';
import type { Revoke } from '../revocations/revocations.service.js';

/** The most live sessions of one account. Each of them may get a revocation when the account is disabled. */
export const SESSION_LIMIT = 100;

/** SQL for a live session. An expired session is not live, and all its tokens have expired. */
export const LIVE = 'ended_at IS NULL AND expires_at > clock_timestamp()';

/** SQL: whether a verifier may still accept a token of the session. */
const HAS_TOKENS = 'token_expires_at > clock_timestamp() AS "hasTokens"';

interface Named {
  readonly sid: string;
  readonly hasTokens: boolean;
}

/** Locks the account. No other transaction begins, refreshes or ends its sessions until this one is over. */
export function lockAccount(tx: EntityManager, id: string): Promise<Account | null> {
  return tx.findOne(Account, { where: { id }, lock: { mode: 'pessimistic_write' } });
}

/**
 * Ends the oldest sessions if a new one would be too many. Returns the sids of the ended sessions.
 *
 * It shares the signing lock before it revokes, because the login signs a token after that. Whoever disables a client holds
 * the signing lock alone and then revokes, so the other order could deadlock.
 */
export async function makeRoom(tx: EntityManager, revoke: Revoke, accountId: string): Promise<string[]> {
  const tooMany = await tx.query<{ id: string }[]>(
    `SELECT id FROM session WHERE account_id = $1 AND ${LIVE} ORDER BY created_at DESC, id OFFSET $2`,
    [accountId, SESSION_LIMIT - 1],
  );
  if (tooMany.length === 0) return [];
  await shareSigning(tx);
  const sids = tooMany.map(({ id }) => id);
  return endSessions(tx, revoke, accountId, { only: sids });
}

/**
 * Ends the live sessions of the account, or `only` some, or all `except` one, and revokes them. Their rows are soon deleted, because their
 * refresh tokens are worth nothing any more. Returns the sids of the ended sessions.
 */
export async function endSessions(
  tx: EntityManager,
  revoke: Revoke,
  accountId: string,
  { only, except }: { only?: readonly string[] | undefined; except?: string } = {},
): Promise<string[]> {
  const [ended] = await tx.query<[Named[]]>(
    `UPDATE session SET ended_at = clock_timestamp(), expires_at = greatest(token_expires_at, clock_timestamp())
      WHERE account_id = $1 AND ${LIVE} AND ($2::uuid[] IS NULL OR id = ANY($2)) AND ($3::uuid IS NULL OR id <> $3)
      RETURNING id AS sid, ${HAS_TOKENS}`,
    [accountId, only ?? null, except ?? null],
  );
  return revokeSids(revoke, ended);
}

/**
 * Gives each live session of the account a new sid, and revokes the old ones. So every access token of the account is
 * refused, and a refresh gives one with the present roles. Nobody has to log in again.
 */
export async function renewSids(tx: EntityManager, revoke: Revoke, accountId: string): Promise<void> {
  const renewed = await tx.query<Named[]>(
    `WITH renewed AS (
       SELECT id AS sid, ${HAS_TOKENS} FROM session WHERE account_id = $1 AND ${LIVE}
     ), updated AS (
       UPDATE session SET id = gen_random_uuid() FROM renewed WHERE id = sid
     )
     SELECT * FROM renewed`,
    [accountId],
  );
  await revokeSids(revoke, renewed);
}

/** Revokes those of the sessions that still have good access tokens. Returns all sids. */
async function revokeSids(revoke: Revoke, sessions: readonly Named[]): Promise<string[]> {
  await revoke(sessions.filter(({ hasTokens }) => hasTokens).map(({ sid }) => ({ kind: 'sid', value: sid })));
  return sessions.map(({ sid }) => sid);
}

/**
 * Deletes up to 100 sessions that expired more than a day ago, with their refresh tokens. Revocations have their own
 * table. It is one SQL statement that skips locked rows, so that it cannot deadlock.
 */
export async function removeExpiredSessions(manager: EntityManager): Promise<void> {
  await manager.query(
    `DELETE FROM session WHERE id IN (
       SELECT id FROM session WHERE expires_at < clock_timestamp() - interval '1 day'
       ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)`,
  );
}
