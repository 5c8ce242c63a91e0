import type { KeySetStatement } from '#statements';
import {
  isPublished,
  NO_SEAL,
  prepare,
  type KeyRecord,
  type KeyRecords,
  type NewKey,
} from '../keys/key-life-cycle.js';

/**
 * The keys after the database was restored from an old backup. Every key that was published before the restore is
 * revoked, because a key may have been revoked after the backup was made. Key revocations that only the proven
 * statement names are added. Two new keys are prepared.
 *
 * @param proven the newest proven statement
 */
export function recoveredKeys(
  keys: KeyRecords,
  { proven, newKeys, now }: { proven: KeySetStatement; newKeys: readonly NewKey[]; now: Date },
): KeyRecords {
  const [reason, note] = ['unspecified', 'the database was restored'] as const;
  const known = new Set(keys.map((key) => key.kid));
  const lost = [
    ...proven.keys.map(({ kid, alg }) => ({ kid, alg, at: now, reason, note })),
    ...proven.revoked.map(({ kid, revoked_at: at, reason: why }) => ({
      kid,
      alg: 'ES256' as const,
      at: new Date(at * 1000),
      reason: why,
      note: null,
    })),
  ].filter(({ kid }) => !known.has(kid));

  const revoked = keys.map((key): KeyRecord => {
    const named = proven.revoked.find(({ kid }) => kid === key.kid);
    if (!isPublished(key)) return key;
    const revokedAt = named ? new Date(named.revoked_at * 1000) : now;
    return {
      ...key,
      status: 'revoked',
      revokedAt,
      revocationReason: named?.reason ?? reason,
      revocationNote: named ? null : note,
      seal: NO_SEAL,
    };
  });
  const unknown = lost.map(({ kid, alg, at, ...why }): KeyRecord => {
    return {
      kid,
      alg,
      publicJwk: { kid },
      status: 'revoked',
      seal: NO_SEAL,
      preparedAt: at,
      activatedAt: null,
      verifyUntil: null,
      retiredAt: null,
      revokedAt: at,
      revocationReason: why.reason,
      revocationNote: why.note,
    };
  });
  return newKeys.reduce((all, key) => prepare(all, key, now), [...revoked, ...unknown] as KeyRecords);
}
