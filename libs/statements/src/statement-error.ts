/** Why a statement was refused. The union is closed: a new reason is a new code. */
export type StatementErrorCode =
  | 'too_large'
  | 'malformed'
  | 'wrong_typ'
  | 'unknown_anchor'
  | 'bad_signature'
  | 'wrong_issuer'
  | 'invalid_payload'
  | 'expired';

/** A statement that a verifier must not believe. It changes nothing in the verifier. */
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
