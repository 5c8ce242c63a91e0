import type { EntityManager } from 'typeorm';
import type { KeyRecords } from '../keys/key-life-cycle.js';
import { SigningKey } from '../keys/signing-key.entity.js';

/** Writes what changed between two key sets, in the steps that the database's own rules allow. */
export async function storeKeySet(tx: EntityManager, before: KeyRecords, after: KeyRecords): Promise<void> {
  const known = new Map(before.map((key) => [key.kid, key]));
  const changed = after.filter((key) => known.get(key.kid) !== key);
  // The one that stops being active goes first: there is never a moment with two.
  changed.sort((a, b) => Number(a.status === 'active') - Number(b.status === 'active'));
  for (const { kid, ...facts } of changed) {
    // Every key begins as prepared, also one that is activated, or known to be revoked, in the same breath.
    const begun = { status: 'prepared', activatedAt: null, revokedAt: null } as const;
    if (!known.has(kid)) await tx.insert(SigningKey, { ...facts, kid, ...begun } as object);
    if (known.has(kid) || facts.status !== 'prepared') await tx.update(SigningKey, { kid }, facts as object);
  }
}
