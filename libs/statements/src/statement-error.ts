/** Why a statement was refused. Closed: a new reason is a new code. */
export type StatementErrorCode =
  | 'too_large'
  | 'malformed'
  | 'wrong_typ'
  | 'unknown_anchor'
  | 'bad_signature'
  | 'wrong_issuer'
  | 'invalid_payload'
  | 'expired';

/** A statement that is not to be believed. It changes nothing in the verifier that met it. */
export class StatementError extends Error {
  override readonly name = 'StatementError';

  constructor(
    readonly code: StatementErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
