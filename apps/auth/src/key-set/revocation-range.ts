import type { EntityManager } from 'typeorm';

/** Far more revocations than can happen between the last statement and the loss of the database. */
const RESTORED_GAP = 1_000_000;

/** The numbers of the revocations that still matter. `from` is greater than `to` if there is none. */
export interface RevocationRange {
  readonly from: number;
  readonly to: number;
}

/** The range of all committed revocations that still matter. A lower number is always committed before a higher one. */
export async function revocationRange(tx: EntityManager): Promise<RevocationRange> {
  const [range] = await tx.query<RevocationRange[]>(
    `SELECT coalesce((SELECT min(n) FROM revocation WHERE expires_at > clock_timestamp()), last + 1)::float8 AS "from",
            last::float8 AS "to"
       FROM revocation_counter`,
  );
  return range!;
}

/**
 * Deletes all revocations and continues with greater numbers, after a restore of the database. `published` is the last
 * proven number, but greater numbers may have been used. The deleted revocations are not needed: recovery replaces
 * every key, so verifiers refuse all old tokens.
 */
export async function renumberAfterRestore(tx: EntityManager, published: number): Promise<void> {
  await tx.query('DELETE FROM revocation');
  await tx.query('UPDATE revocation_counter SET last = greatest(last, $1) + $2', [published, RESTORED_GAP]);
}
