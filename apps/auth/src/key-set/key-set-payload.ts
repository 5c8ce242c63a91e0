import type { KeySetPayload, PublishedStatus } from '#statements';
import { isPublished, type KeyRecords } from '../keys/key-life-cycle.js';
import type { RevocationRange } from './revocation-range.js';

export interface PayloadOptions {
  readonly issuer: string;
  readonly epoch: number;
  readonly now: Date;
  /** The life of the statement, in seconds. */
  readonly statementSeconds: number;
  /** The revoked keys that the statement names. */
  readonly revoked: KeySetPayload['revoked'];
  /** The revocations of sessions, tokens and clients that still matter. */
  readonly revocations: RevocationRange;
}

/** The payload of the key-set statement with this epoch. */
export function keySetPayload(keys: KeyRecords, options: PayloadOptions): KeySetPayload {
  const { issuer, epoch, now, statementSeconds, revoked, revocations } = options;
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
    revoked,
  };
}

/** A NumericDate in whole seconds (RFC 7519 §2). */
export const numericDate = (date: Date): number => Math.floor(date.getTime() / 1000);
