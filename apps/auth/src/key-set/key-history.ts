/**
 * What is asked about keys that are retired or revoked. Their number grows with the years, so no change of the key set
 * loads their rows.
 */
import { In, MoreThan, type EntityManager } from 'typeorm';
import type { KeySetPayload } from '#statements';
import { SigningKey, type KeyStatus } from '../keys/signing-key.entity.js';
import { numericDate } from './key-set-payload.js';

/**
 * This bounds the size of a statement. Verifiers refuse a key that is not named any more, because it is not in `keys`.
 */
const MAX_REVOKED_LISTED = 128;

/** The keys that were revoked after this time, as a statement names them: the newest first, 128 at most. */
export async function revokedAfter(tx: EntityManager, time: Date): Promise<KeySetPayload['revoked']> {
  const rows = await tx.find(SigningKey, {
    select: { kid: true, revokedAt: true, revocationReason: true },
    where: { status: 'revoked', revokedAt: MoreThan(time) },
    order: { revokedAt: 'DESC', kid: 'ASC' },
    take: MAX_REVOKED_LISTED,
  });
  return rows.map(({ kid, revokedAt, revocationReason }) => ({
    kid,
    revoked_at: numericDate(revokedAt!),
    reason: revocationReason ?? 'unspecified',
  }));
}

/** How many keys were ever revoked. No row is ever deleted, so the number only grows. */
export function countRevokedKeys(manager: EntityManager): Promise<number> {
  return manager.countBy(SigningKey, { status: 'revoked' });
}

/** Whether any key was ever retired or revoked. */
export function hasHistory(manager: EntityManager): Promise<boolean> {
  return manager.existsBy(SigningKey, { status: ENDED });
}

/** Whether the key with this kid is retired or revoked. */
export function isHistory(manager: EntityManager, kid: string): Promise<boolean> {
  return manager.existsBy(SigningKey, { kid, status: ENDED });
}

const ENDED = In<KeyStatus>(['retired', 'revoked']);
