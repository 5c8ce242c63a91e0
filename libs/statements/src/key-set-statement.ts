import { z } from 'zod';
import { admitPublicJwk, type PublicKey } from '#jws';
import type { Anchor } from './anchor.js';
import { asStatementError, openAnchored } from './anchored-jws.js';
import { StatementError } from './statement-error.js';

/** `typ` of a key-set statement; no other kind of token carries it. */
export const KEYSET_TYP = 'jwk-set+jwt';
export const MAX_STATEMENT_BYTES = 256 * 1024;
export const MAX_STATEMENT_KEYS = 64;

/** A key in one of these states is published and verifies. */
export const publishedStatuses = ['prepared', 'active', 'retiring'] as const;
export type PublishedStatus = (typeof publishedStatuses)[number];

const seconds = z.int().nonnegative();
const count = z.int().nonnegative();

const publishedJwk = z.looseObject({
  kid: z.string().min(1).max(128),
  status: z.enum(publishedStatuses),
  /** NumericDate until which tokens of a retiring key are accepted; absent while the key may still sign. */
  verify_until: seconds.optional(),
});

/**
 * Why a key was revoked: the reasons of OpenID Federation 1.0 for historical keys. Anybody can read them, so they are
 * codes without details.
 */
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
  /** The numbers of the revocations that still matter; none while `from` is greater than `to`. */
  revocations: z.object({ from: count, to: count }),
  /** Empty for a moment after all keys were revoked together. No token is good then. */
  keys: z.array(publishedJwk).max(MAX_STATEMENT_KEYS),
  revoked: z.array(revokedKey),
});

/** The payload of a key-set statement as it is sent. Times are NumericDates in seconds. */
export type KeySetPayload = z.infer<typeof payloadSchema>;

/** An admitted key of a verified statement. */
export interface PublishedKey extends PublicKey {
  readonly kid: string;
  readonly status: PublishedStatus;
  readonly verifyUntil: number | undefined;
  /** The member of `keys` that this was admitted from, as JSON. */
  readonly json: string;
}

/** A verified key-set statement. */
export interface KeySetStatement extends Omit<KeySetPayload, 'keys'> {
  readonly keys: readonly PublishedKey[];
  /** Position of the anchor in the list of pins. */
  readonly pinIndex: number;
  readonly jws: string;
}

/**
 * Verifies a key-set statement: size, form and `typ`; signed by a pinned anchor; `iss` is exactly `issuer`; `exp` is
 * later than `now`; every key is admitted, and its kid is its RFC 7638 thumbprint and occurs once. The key ring decides
 * whether the statement is newer than its own.
 *
 * @param now NumericDate, seconds
 * @param held the keys of an earlier statement. A key that this one repeats unchanged is the same object; admitting a
 *   key is most of the work
 * @throws StatementError with the reason as `code`
 */
export function verifyKeySetStatement(
  jws: string,
  {
    issuer,
    anchors,
    now,
    held = [],
  }: { issuer: string; anchors: readonly Anchor[]; now: number; held?: readonly PublishedKey[] },
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
  return { ...payload, keys: admitKeys(payload.keys, held), pinIndex, jws };
}

function admitKeys(members: KeySetPayload['keys'], held: readonly PublishedKey[]): PublishedKey[] {
  const heldByKid = new Map(held.map((key) => [key.kid, key]));
  const kids = new Set<string>();
  return members.map((member) => {
    if (kids.has(member.kid)) throw new StatementError('invalid_payload', 'a kid occurs twice');
    kids.add(member.kid);
    const known = heldByKid.get(member.kid);
    const json = JSON.stringify(member);
    return known?.json === json ? known : admitKey(member, json);
  });
}

function admitKey(member: KeySetPayload['keys'][number], json: string): PublishedKey {
  const { kid, status, verify_until: verifyUntil, ...jwk } = member;
  const key = asStatementError(() => admitPublicJwk(jwk));
  if (kid !== key.thumbprint)
    throw new StatementError('invalid_payload', 'a kid is not the thumbprint of its key');
  return { ...key, kid, status, verifyUntil, json };
}
