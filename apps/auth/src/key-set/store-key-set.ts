import type { EntityManager } from 'typeorm';
import type { KeyRecord, KeyRecords } from '../keys/key-life-cycle.js';
import { SigningKey } from '../keys/signing-key.entity.js';

/**
 * Writes the changed keys. They are sent together on the one connection of the transaction, which runs them in this order.
 * The rules of the database allow this order; they would refuse another.
 */
export async function storeKeySet(tx: EntityManager, before: KeyRecords, after: KeyRecords): Promise<void> {
  const known = new Map(before.map((key) => [key.kid, key]));
  const changed = after.filter((key) => known.get(key.kid) !== key);
  // The key that stops being active goes first, so that two keys are never active.
  changed.sort((a, b) => Number(a.status === 'active') - Number(b.status === 'active'));
  await Promise.all(changed.map((key) => storeKey(tx, key, { isNew: !known.has(key.kid) })));
}

async function storeKey(tx: EntityManager, { kid, ...facts }: KeyRecord, { isNew }: { isNew: boolean }) {
  // Every row begins as prepared, also a key that the same change activates or revokes.
  const begun = { status: 'prepared', activatedAt: null, revokedAt: null } as const;
  if (isNew) await tx.insert(SigningKey, { ...facts, kid, ...begun } as object);
  if (!isNew || facts.status !== 'prepared') await tx.update(SigningKey, { kid }, facts as object);
}
