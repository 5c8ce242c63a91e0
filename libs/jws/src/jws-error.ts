/** Why a JWS or a JWK was refused. The union is closed: a new reason is a new code. */
export type JwsErrorCode =
  | 'too_large'
  | 'malformed'
  | 'unsupported_header'
  | 'wrong_typ'
  | 'alg_mismatch'
  | 'bad_signature'
  | 'bad_key';

/** A JWS or JWK that breaks a rule of its format. The message never holds any part of the token or key. */
export class JwsError extends Error {
  override readonly name = 'JwsError';

  constructor(
    readonly code: JwsErrorCode,
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
