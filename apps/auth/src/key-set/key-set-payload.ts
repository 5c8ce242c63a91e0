import type { KeySetPayload, PublishedStatus } from '#statements';
import { isPublished, type KeyRecords } from '../keys/key-life-cycle.js';
import type { RevocationRange } from './revocation-range.js';

export interface PayloadOptions {
  readonly issuer: string;
  readonly epoch: number;
  readonly now: Date;
  /** Life of the statement, seconds. */
  readonly statementSeconds: number;
  /** How long a revoked key is still named: longest token life and statement life, seconds. */
  readonly listRevokedSeconds: number;
  /** The revocations of sessions, tokens and clients that matter still. */
  readonly revocations: RevocationRange;
}

/** Keeps the statement within its size; a key that is named no more is refused all the same, because it is not in `keys`. */
const MAX_REVOKED_LISTED = 128;

/** What the key-set statement of an epoch says of a key set. */
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
