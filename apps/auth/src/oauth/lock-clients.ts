import type { EntityManager } from 'typeorm';
import { AuthError } from '../errors.js';
import { holdSigning, type SharedSigning } from '../key-set/signing-lock.js';
import { Client } from './client.entity.js';

/**
 * Locks the rows of these clients FOR SHARE until the transaction ends, and returns those that are not disabled. Whoever
 * disables a client waits for this lock. So no token of the client is signed after it was disabled, and its revocation
 * comes after the `iat` of each of its tokens.
 *
 * The transaction must share the signing lock before. A transaction that holds the signing lock alone may wait for these
 * rows, and would wait for ever the other way round.
 */
export async function lockClients({ tx }: SharedSigning, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.query<{ id: string; isEnabled: boolean }[]>(
    'SELECT id, disabled_at IS NULL AS "isEnabled" FROM client WHERE id = ANY($1) ORDER BY id FOR SHARE',
    [ids],
  );
  return new Set(rows.filter(({ isEnabled }) => isEnabled).map(({ id }) => id));
}

/**
 * Locks a client alone, to change it, until the transaction ends. It holds the signing lock first, so it waits for the
 * tokens that are being signed, and for no later ones. Returns the client, and the time of the database after this wait.
 *
 * @throws AuthError `client_not_found`
 */
export async function holdClient(tx: EntityManager, id: string): Promise<{ client: Client; now: Date }> {
  const now = await holdSigning(tx);
  const client = await tx.findOne(Client, { where: { id }, lock: { mode: 'pessimistic_write' } });
  if (!client) throw new AuthError('client_not_found');
  return { client, now };
}
