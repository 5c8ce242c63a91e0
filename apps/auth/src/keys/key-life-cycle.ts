/**
 * The life of signing keys as pure functions: `prepared` → `active` → `retiring` → `retired`, and from any of the first
 * three → `revoked`. Each function takes key records and the time, and returns the records after the step. A
 * record that does not change stays the same object. The callers do the I/O and take the locks.
 */
import { MAX_STATEMENT_KEYS, publishedStatuses, type KeyRevocationReason } from '#statements';
import type { AlgorithmName } from '#jws';
import { AuthError } from '../errors.js';
import type { KeyStatus, SigningKey } from './signing-key.entity.js';

export type KeyRecord = Readonly<SigningKey>;
/** Signing keys of the key store: the key set, and perhaps keys that are retired or revoked. */
export type KeyRecords = readonly KeyRecord[];

/** A key that was generated and sealed, but is not in the key store yet. Its first state is `prepared`. */
export type NewKey = Pick<KeyRecord, 'kid' | 'alg' | 'publicJwk' | 'seal'>;

/** Makes the seal for a retiring key. It holds no private half. It still proves that auth made the public half. */
export type DestroyPrivateHalf = (key: NewKey) => string;

/** Why a key is revoked: a code, which is published, and the operator's own text, which is not. */
export interface RevocationCause {
  readonly reason: KeyRevocationReason;
  readonly note: string | null;
}

/** The seal of a retired or revoked key. It never opens. So nobody can publish the key again by changing its status. */
export const NO_SEAL = '';

const published: readonly KeyStatus[] = publishedStatuses;

export const isPublished = ({ status }: KeyRecord): boolean => published.includes(status);

export const activeKey = (keys: KeyRecords): KeyRecord | undefined =>
  keys.find((key) => key.status === 'active');

/** The standby: the oldest prepared key, of the given algorithm if there is one. */
export function standbyKey(keys: KeyRecords, alg?: AlgorithmName): KeyRecord | undefined {
  return keys
    .filter((key) => key.status === 'prepared' && (alg === undefined || key.alg === alg))
    .sort((a, b) => a.preparedAt.getTime() - b.preparedAt.getTime())[0];
}

/** Whether no key can be prepared. One place always stays free for an emergency. */
export const isFull = (keys: KeyRecords): boolean =>
  keys.filter(isPublished).length >= MAX_STATEMENT_KEYS - 1;

/** @throws AuthError `too_many_keys` */
export function prepare(keys: KeyRecords, key: NewKey, now: Date): KeyRecords {
  if (isFull(keys)) throw new AuthError('too_many_keys');
  const none = {
    activatedAt: null,
    verifyUntil: null,
    retiredAt: null,
    revokedAt: null,
    revocationReason: null,
    revocationNote: null,
  };
  return [...keys, { ...key, ...none, status: 'prepared', preparedAt: now }];
}

/** Activates a prepared key. The active key before it becomes retiring: it signs no more, and verifies until `verifyUntil`. */
export function activate(
  keys: KeyRecords,
  kid: string,
  { now, verifyUntil, destroy }: { now: Date; verifyUntil: Date; destroy: DestroyPrivateHalf },
): KeyRecords {
  if (find(keys, kid).status !== 'prepared') throw new Error(`only a prepared key can be activated`);
  return keys.map((key) => {
    if (key.kid === kid) return { ...key, status: 'active', activatedAt: now };
    if (key.status === 'active') return { ...key, status: 'retiring', verifyUntil, seal: destroy(key) };
    return key;
  });
}

/** The time at which the last token that a key signed until `now` has expired at every verifier. */
export const verifyUntil = (
  now: Date,
  { maxTokenSeconds, clockSkewSeconds }: { maxTokenSeconds: number; clockSkewSeconds: number },
): Date => new Date(now.getTime() + (maxTokenSeconds + clockSkewSeconds) * 1000);

/** Retires every retiring key whose last token has expired. */
export function retireExpired(keys: KeyRecords, now: Date): KeyRecords {
  return keys.map((key) =>
    key.status === 'retiring' && key.verifyUntil! <= now
      ? { ...key, status: 'retired', retiredAt: now, seal: NO_SEAL }
      : key,
  );
}

/**
 * Revokes a key. With `includeStandby` it also revokes every prepared key, for the case that the whole key store was
 * stolen. If the active key is revoked, the standby becomes active at once, because every verifier holds it already.
 *
 * @throws AuthError `key_not_found` · `key_not_revocable`
 */
export function revoke(
  keys: KeyRecords,
  kid: string,
  { now, reason, note, includeStandby }: RevocationCause & { now: Date; includeStandby: boolean },
): KeyRecords {
  const target = find(keys, kid);
  if (!isPublished(target)) throw new AuthError('key_not_revocable');
  const revoked = keys.map((key): KeyRecord => {
    const isRevoked = key === target || (includeStandby && key.status === 'prepared');
    if (!isRevoked) return key;
    return {
      ...key,
      status: 'revoked',
      revokedAt: now,
      revocationReason: reason,
      revocationNote: note,
      seal: NO_SEAL,
    };
  });
  if (target.status !== 'active') return revoked;
  const standby = standbyKey(revoked, target.alg) ?? standbyKey(revoked);
  return revoked.map((key) => (key === standby ? { ...key, status: 'active', activatedAt: now } : key));
}

function find(keys: KeyRecords, kid: string): KeyRecord {
  const key = keys.find((candidate) => candidate.kid === kid);
  if (!key) throw new AuthError('key_not_found');
  return key;
}
