import { z } from 'zod';
import { admitPublicJwk, type PublicKey } from '#jws';
import type { Anchor } from './anchor.js';
import { asStatementError, openAnchored } from './anchored-jws.js';
import { StatementError } from './statement-error.js';

/** `typ` of a key-set statement; no other kind of token carries it. */
export const KEYSET_TYP = 'jwk-set+jwt';
export const MAX_STATEMENT_BYTES = 256 * 1024;
export const MAX_STATEMENT_KEYS = 64;

/** The states in which a key is published, and verifies. */
const publishedStatuses = ['prepared', 'active', 'retiring'] as const;
export type PublishedStatus = (typeof publishedStatuses)[number];

const seconds = z.int().nonnegative();
const count = z.int().nonnegative();

const publishedJwk = z.looseObject({
  kid: z.string().min(1).max(128),
  status: z.enum(publishedStatuses),
  /** NumericDate until which tokens of a retiring key are accepted; absent while the key may still sign. */
  verify_until: seconds.optional(),
});

/** Why a key was revoked, in the words of OpenID Federation 1.0 for historical keys; a code, because anyone can read it. */
export const keyRevocationReasons = ['unspecified', 'compromised', 'superseded'] as const;
export type KeyRevocationReason = (typeof keyRevocationReasons)[number];

const revokedKey = z.object({
  kid: z.string().min(1).max(128),
  revoked_at: seconds,
  reason: z.enum(keyRevocationReasons),
});

const payloadSchema = z.object({
  iss: z.string().min(1),
  sub: z.string().min(1),
  iat: seconds,
  exp: seconds,
  epoch: z.int().positive(),
  /** The revocations that still matter, by number; none while `from` is greater than `to`. */
  revocations: z.object({ from: count, to: count }),
  /** None for the moment after all keys were revoked together: then no token is good. */
  keys: z.array(publishedJwk).max(MAX_STATEMENT_KEYS),
  revoked: z.array(revokedKey),
});

/** The payload of a key-set statement as it stands on the wire; times are NumericDates in seconds. */
export type KeySetPayload = z.infer<typeof payloadSchema>;

/** A key of a verified statement, admitted and ready to verify with. */
export interface PublishedKey extends PublicKey {
  readonly kid: string;
  readonly status: PublishedStatus;
  readonly verifyUntil: number | undefined;
}

/** A verified key-set statement. */
export interface KeySetStatement extends Omit<KeySetPayload, 'keys'> {
  readonly keys: readonly PublishedKey[];
  /** Position of the anchor in the list of pins. */
  readonly pinIndex: number;
  readonly jws: string;
}

/**
 * Verifies a key-set statement: size, form and `typ`; signed by one of the pinned anchors; `iss` is exactly
 * `issuer`; `exp` lies ahead of `now`; every key is admitted, and its kid is its RFC 7638 thumbprint and occurs
 * once. Whether its epoch is news is the key ring's question.
 *
 * @param now NumericDate, seconds
 * @throws StatementError with the reason as `code`
 */
export function verifyKeySetStatement(
  jws: string,
  { issuer, anchors, now }: { issuer: string; anchors: readonly Anchor[]; now: number },
): KeySetStatement {
  const { payload: opened, pinIndex } = openAnchored(jws, {
    typ: KEYSET_TYP,
    maxBytes: MAX_STATEMENT_BYTES,
    anchors,
  });
  const parsed = payloadSchema.safeParse(opened);
  if (!parsed.success) throw new StatementError('invalid_payload', z.prettifyError(parsed.error));
  const payload = parsed.data;
  if (payload.iss !== issuer) throw new StatementError('wrong_issuer', 'iss is not the configured issuer');
  if (payload.exp <= now) throw new StatementError('expired', 'exp has passed');
  return { ...payload, keys: admitKeys(payload.keys), pinIndex, jws };
}

function admitKeys(jwks: KeySetPayload['keys']): PublishedKey[] {
  const kids = new Set<string>();
  return jwks.map(({ status, verify_until: verifyUntil, ...jwk }) => {
    const key = asStatementError(() => admitPublicJwk(jwk));
    if (jwk.kid !== key.thumbprint)
      throw new StatementError('invalid_payload', 'a kid is not the thumbprint of its key');
    if (kids.has(jwk.kid)) throw new StatementError('invalid_payload', 'a kid occurs twice');
    kids.add(jwk.kid);
    return { ...key, kid: jwk.kid, status, verifyUntil };
  });
}
