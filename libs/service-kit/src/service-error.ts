/**
 * A fault in one part of a request. `field` is a path such as `lines.0.quantity`; it is empty for the whole request.
 */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

interface ServiceErrorDetails {
  /** For the log only. The client reads the title of the code. */
  readonly message?: string;
  readonly cause?: unknown;
  /** Sent to the client. */
  readonly errors?: readonly FieldError[];
  /** Sent to the client as `Retry-After`; whole seconds. */
  readonly retryAfterSeconds?: number;
}

/**
 * The error of a service that refuses or fails: a stable code from a closed union, and the exact reason for the log. It
 * does not know HTTP. The table of the app (see `defineProblems`) has a status for each code.
 */
export class ServiceError<Code extends string = string> extends Error {
  override readonly name = 'ServiceError';
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly code: Code,
    { message, cause, errors, retryAfterSeconds }: ServiceErrorDetails = {},
  ) {
    super(message ?? code, cause === undefined ? undefined : { cause });
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The form of a code for a client: the HTTP status and a short title that never varies (RFC 9457 section 3.1). */
export interface ProblemDefinition {
  readonly status: number;
  readonly title: string;
  /** Value of `WWW-Authenticate` (RFC 9110 section 11.6.1) for a 401 that a bearer token would not help. */
  readonly challenge?: string;
}

/** The table from codes to problems. Its type requires a row for every code of the union. */
export type ProblemTable<Code extends string = string> = Readonly<Record<Code, ProblemDefinition>>;

/** Declares the problems of an app. Every code of the union needs a row. */
export function defineProblems<Code extends string>(table: ProblemTable<Code>): ProblemTable<Code> {
  return table;
}
