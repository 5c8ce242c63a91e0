/**
 * A revocation: a Security Event Token (RFC 8417) that the trust anchor signed. It names one token, one session or one
 * client. It never names a time, because clocks differ and names do not.
 */
import { z } from 'zod';
import type { Anchor } from './anchor.js';
import { openAnchored } from './anchored-jws.js';
import { StatementError } from './statement-error.js';

/** `typ` of a revocation (RFC 8417 §2.3); no other kind of token carries it. */
export const REVOCATION_TYP = 'secevent+jwt';
export const MAX_REVOCATION_BYTES = 4 * 1024;
/** The longest revoked name, in characters. */
const MAX_NAME = 512;

/**
 * The claims of an access token by which it can be revoked. A revoked jti also refuses tokens that were exchanged for
 * it (`txn`).
 */
export const revokedKinds = ['jti', 'sid', 'client_id'] as const;
export type RevokedKind = (typeof revokedKinds)[number];

/** What is revoked: every token whose claim `kind` is `value`. */
export interface RevokedSubject {
  readonly kind: RevokedKind;
  readonly value: string;
}

/**
 * The event of each kind. The event of a session is from CAEP (OpenID CAEP 1.0 §3.1). CAEP and RISC have no event for a
 * token or a client, so these two are from OAuth Event Types 1.0, an OpenID draft.
 */
const EVENTS = {
  jti: 'https://schemas.openid.net/secevent/oauth/event-type/token-revoked',
  sid: 'https://schemas.openid.net/secevent/caep/event-type/session-revoked',
  client_id: 'https://schemas.openid.net/secevent/oauth/event-type/client-disabled',
} as const satisfies Record<RevokedKind, string>;

const name = z.string().min(1).max(MAX_NAME);
const opaque = z.object({ format: z.literal('opaque'), id: name });
const event = z.record(z.string(), z.unknown());
const common = {
  iss: z.string().min(1),
  iat: z.int().nonnegative(),
  jti: name,
  /** The number of the revocation. Numbers grow by one, without a gap. */
  n: z.int().positive(),
};

/**
 * The subject is `sub_id` (RFC 9493), in a format of RFC 9493 §3 or Shared Signals 1.0 §3. Each revocation has one
 * event.
 */
const payloadSchema = z.union([
  z.object({
    ...common,
    sub_id: z.object({ format: z.literal('jwt_id'), iss: z.string().min(1), jti: name }),
    events: z.strictObject({ [EVENTS.jti]: event }),
  }),
  z.object({ ...common, sub_id: opaque, events: z.strictObject({ [EVENTS.sid]: event }) }),
  z.object({ ...common, sub_id: opaque, events: z.strictObject({ [EVENTS.client_id]: event }) }),
]);

/** A verified revocation. */
export interface Revocation extends RevokedSubject {
  readonly n: number;
}

/** The payload of a revocation as it is sent. `iat` is a NumericDate in seconds. */
export type RevocationPayload = ReturnType<typeof revocationPayload>;

/** Makes the payload that revokes a subject. `jti` is the id of the revocation itself. */
export function revocationPayload(
  { kind, value }: RevokedSubject,
  { issuer, iat, jti, n }: { issuer: string; iat: number; jti: string; n: number },
) {
  const subject =
    kind === 'jti' ? { format: 'jwt_id', iss: issuer, jti: value } : { format: 'opaque', id: value };
  return { iss: issuer, iat, jti, n, sub_id: subject, events: { [EVENTS[kind]]: {} } };
}

/**
 * Verifies a revocation: size, form and `typ`; signed by a pinned anchor; `iss` is exactly `issuer`; one known event
 * about one subject. A revocation does not expire. A verifier forgets it when it no longer matters.
 *
 * @throws StatementError with the reason as `code`
 */
export function verifyRevocation(
  jws: string,
  { issuer, anchors }: { issuer: string; anchors: readonly Anchor[] },
): Revocation {
  const { payload } = openAnchored(jws, {
    typ: REVOCATION_TYP,
    maxBytes: MAX_REVOCATION_BYTES,
    anchors,
  });
  const parsed = payloadSchema.safeParse(payload);
  if (!parsed.success) throw new StatementError('invalid_payload', z.prettifyError(parsed.error));
  const { iss, n, sub_id: subject, events } = parsed.data;
  if (iss !== issuer) throw new StatementError('wrong_issuer', 'iss is not the configured issuer');
  if (subject.format === 'jwt_id') {
    if (subject.iss !== issuer)
      throw new StatementError('wrong_issuer', 'sub_id names a token of another issuer');
    return { n, kind: 'jti', value: subject.jti };
  }
  return { n, kind: EVENTS.sid in events ? 'sid' : 'client_id', value: subject.id };
}
