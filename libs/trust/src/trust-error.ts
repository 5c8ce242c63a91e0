/**
 * Why a request was refused. The union is closed: a new reason is a new code. Clients see only the OAuth error that the
 * code maps to ({@link https://www.rfc-editor.org/rfc/rfc6750#section-3.1}). Counters and logs show the code.
 */
export type TrustErrorCode =
  // no credentials, or not in the one form that is accepted
  | 'missing_token'
  | 'repeated_authorization'
  | 'too_many_fields'
  // form (RFC 7515, RFC 7519)
  | 'too_large'
  | 'malformed'
  | 'wrong_typ'
  | 'unsupported_header'
  // encryption (RFC 7516), at a service with a decryption key
  | 'not_encrypted'
  | 'undecryptable'
  // key and signature
  | 'unknown_kid'
  | 'alg_mismatch'
  | 'bad_signature'
  // claims (RFC 9068 §4)
  | 'invalid_claim'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'expired'
  | 'not_yet_valid'
  | 'lifetime_too_long'
  | 'past_key_end'
  // bound to a key (RFC 7800): no proof of possession is checked here
  | 'key_bound'
  // revoked by the issuer: a revocation names it, or the further check found so
  | 'revoked'
  // judged after the token was found good
  | 'wrong_actor'
  | 'insufficient_scope'
  // the verifier's own state
  | 'trust_stale'
  | 'internal';

/** A request that the guard refuses. The message never holds any part of the token. */
export class TrustError extends Error {
  override readonly name = 'TrustError';

  constructor(
    readonly code: TrustErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    const { stackTraceLimit } = Error;
    // Bad tokens are expected, and a stack costs as much as the check of a signature.
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
  }
}
