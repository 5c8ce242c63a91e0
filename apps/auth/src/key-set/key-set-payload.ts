import type { KeySetPayload, PublishedStatus } from '#statements';
import { isPublished, type KeySet } from '../keys/key-life-cycle.js';
import type { RevocationRange } from './revocation-range.js';

export interface PayloadOptions {
  readonly issuer: string;
  readonly epoch: number;
  readonly now: Date;
  /** Life of the statement, seconds. */
  readonly statementSeconds: number;
  /** How long a revoked key is still named: longest token life and statement life, seconds. */
  readonly tombstoneSeconds: number;
  /** The revocations of sessions, tokens and clients that matter still. */
  readonly revocations: RevocationRange;
}

/** Keeps the statement within its size; a key that is named no more is refused all the same, because it is not in `keys`. */
const MAX_TOMBSTONES = 128;

/** What the key-set statement of an epoch says of a key set. */
export function keySetPayload(keys: KeySet, options: PayloadOptions): KeySetPayload {
  const { issuer, epoch, now, statementSeconds, tombstoneSeconds, revocations } = options;
  const iat = numericDate(now);
  return {
    iss: issuer,
    sub: issuer,
    iat,
    exp: iat + statementSeconds,
    epoch,
    revocations,
    keys: keys.filter(isPublished).map(({ kid, publicJwk, status, verifyUntil }) => ({
      ...publicJwk,
      kid,
      status: status as PublishedStatus,
      ...(verifyUntil && { verify_until: Math.ceil(verifyUntil.getTime() / 1000) }),
    })),
    revoked: keys
      .filter(({ revokedAt }) => revokedAt && numericDate(revokedAt) + tombstoneSeconds > iat)
      .sort((a, b) => b.revokedAt!.getTime() - a.revokedAt!.getTime())
      .slice(0, MAX_TOMBSTONES)
      .map(({ kid, revokedAt, revocationReason }) => ({
        kid,
        revoked_at: numericDate(revokedAt!),
        reason: revocationReason ?? 'unspecified',
      })),
  };
}

const numericDate = (date: Date): number => Math.floor(date.getTime() / 1000);
