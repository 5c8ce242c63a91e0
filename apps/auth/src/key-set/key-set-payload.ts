import type { KeySetPayload, PublishedStatus } from '#statements';
import { isPublished, type KeyRecords } from '../keys/key-life-cycle.js';
import type { RevocationRange } from './revocation-range.js';

export interface PayloadOptions {
  readonly issuer: string;
  readonly epoch: number;
  readonly now: Date;
  /** The life of the statement, in seconds. */
  readonly statementSeconds: number;
  /** How long `revoked` names a revoked key: the longest life of a token plus the life of a statement, in seconds. */
  readonly listRevokedSeconds: number;
  /** The revocations of sessions, tokens and clients that still matter. */
  readonly revocations: RevocationRange;
}

/**
 * This bounds the size of a statement. Verifiers refuse a key that is not named any more, because it is not in `keys`.
 */
const MAX_REVOKED_LISTED = 128;

/** The payload of the key-set statement with this epoch. */
export function keySetPayload(keys: KeyRecords, options: PayloadOptions): KeySetPayload {
  const { issuer, epoch, now, statementSeconds, listRevokedSeconds, revocations } = options;
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
      .filter(({ revokedAt }) => revokedAt && numericDate(revokedAt) + listRevokedSeconds > iat)
      .sort((a, b) => b.revokedAt!.getTime() - a.revokedAt!.getTime())
      .slice(0, MAX_REVOKED_LISTED)
      .map(({ kid, revokedAt, revocationReason }) => ({
        kid,
        revoked_at: numericDate(revokedAt!),
        reason: revocationReason ?? 'unspecified',
      })),
  };
}

const numericDate = (date: Date): number => Math.floor(date.getTime() / 1000);
