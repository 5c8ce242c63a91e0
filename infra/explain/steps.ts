/**
 * The steps in which a verifier judges a token, in their order (docs/jwt.md has the reasons). Each has the code that a
 * refusal has in the log, in `GET /trust` and in the metrics.
 */
import type { TrustErrorCode } from '#trust';

/** The steps that judge a token. The other codes say how it was sent, or that the verifier itself has a fault. */
export type StepCode = Exclude<
  TrustErrorCode,
  'missing_token' | 'repeated_authorization' | 'too_many_fields' | 'internal'
>;

interface Step {
  /** What is so if the token passes. */
  readonly holds: string;
  /** The section of an RFC that asks for it. Undefined for a limit that is our own. */
  readonly rfc?: string;
}

export const steps: Readonly<Record<StepCode, Step>> = {
  trust_stale: { holds: 'the key-set statement has not expired, and no revocation is missing' },
  not_encrypted: { holds: 'it is encrypted, because this service asks for it', rfc: 'RFC 7519 §5.2' },
  undecryptable: { holds: 'it decrypts with the key of this service', rfc: 'RFC 7516 §5.2' },
  too_large: { holds: 'it is not longer than 8 KiB' },
  malformed: { holds: 'it has three parts, in strict base64url and JSON', rfc: 'RFC 7515 §5.2' },
  wrong_typ: { holds: 'typ is at+jwt', rfc: 'RFC 9068 §4' },
  unsupported_header: { holds: 'the header has no crit, b64 or zip', rfc: 'RFC 7515 §4.1.11' },
  unknown_kid: { holds: 'kid names a key of the key ring', rfc: 'RFC 7515 §4.1.4' },
  alg_mismatch: { holds: 'alg is the algorithm of this key', rfc: 'RFC 8725 §3.1' },
  bad_signature: { holds: 'the signature is right', rfc: 'RFC 7515 §5.2' },
  invalid_claim: { holds: 'the required claims are there, with their types', rfc: 'RFC 9068 §2.2' },
  wrong_issuer: { holds: 'iss is the configured issuer', rfc: 'RFC 9068 §4' },
  key_bound: {
    holds: 'there is no cnf, which asks for a proof that is not checked here',
    rfc: 'RFC 7800 §3',
  },
  wrong_audience: { holds: 'aud is this service', rfc: 'RFC 9068 §4' },
  expired: { holds: 'exp has not passed', rfc: 'RFC 7519 §4.1.4' },
  not_yet_valid: { holds: 'iat and nbf have passed', rfc: 'RFC 7519 §4.1.5' },
  lifetime_too_long: { holds: 'exp − iat is more than 0, and at most the longest lifetime' },
  past_key_end: { holds: 'it ends before its key does' },
  revoked: { holds: 'no revocation names it, its session or its clients', rfc: 'RFC 8417 §1.1' },
  wrong_actor: { holds: 'the named client acts for the account', rfc: 'RFC 8693 §4.1' },
  insufficient_scope: { holds: 'it has every scope that was named', rfc: 'RFC 6750 §3.1' },
};
