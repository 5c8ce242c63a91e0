import type { EntityManager } from 'typeorm';

/** Far more than can be revoked between a statement and the loss of the database. */
const RESTORED_GAP = 1_000_000;

/** The numbers of the revocations that matter; `from` is greater than `to` if none does. */
export interface RevocationRange {
  readonly from: number;
  readonly to: number;
}

/** Every revocation that is committed is within; numbers are committed in their order. */
export async function revocationRange(tx: EntityManager): Promise<RevocationRange> {
  const [range] = await tx.query<RevocationRange[]>(
    `SELECT coalesce((SELECT min(n) FROM revocation WHERE expires_at > clock_timestamp()), last + 1)::float8 AS "from",
            last::float8 AS "to"
       FROM revocation_counter`,
  );
  return range!;
}

/**
 * Goes on numbering after a restored database, where `published` is the last number there is proof of and some may
 * have followed it. What was revoked before needs no naming: every key is replaced, so its tokens are refused.
 */
export async function renumberAfterRestore(tx: EntityManager, published: number): Promise<void> {
  await tx.query('DELETE FROM revocation');
  await tx.query('UPDATE revocation_counter SET last = greatest(last, $1) + $2', [published, RESTORED_GAP]);
}
