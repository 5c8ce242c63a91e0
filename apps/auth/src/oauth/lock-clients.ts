import type { EntityManager } from 'typeorm';
import { shareSigning } from '../key-set/signing-lock.js';

/**
 * Locks the rows of these clients FOR SHARE until the transaction ends, and returns those that are not disabled. Whoever
 * disables a client waits for this lock. So no token of the client is signed after it was disabled, and its revocation
 * comes after the `iat` of each of its tokens.
 *
 * It shares the signing lock first, as the signature does later. A transaction that holds the signing lock alone may wait
 * for these rows, and would wait for ever the other way round.
 */
export async function lockClients(tx: EntityManager, ids: readonly string[]): Promise<Set<string>> {
  await shareSigning(tx);
  const rows = await tx.query<{ id: string; isEnabled: boolean }[]>(
    'SELECT id, disabled_at IS NULL AS "isEnabled" FROM client WHERE id = ANY($1) ORDER BY id FOR SHARE',
    [ids],
  );
  return new Set(rows.filter(({ isEnabled }) => isEnabled).map(({ id }) => id));
}
