/** A fault in one part of a request: `field` is a dotted path such as `lines.0.quantity`, empty for the whole. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

interface ServiceErrorDetails {
  /** For the log only; the client reads the title of the code. */
  readonly message?: string;
  readonly cause?: unknown;
  /** Told to the client. */
  readonly errors?: readonly FieldError[];
  /** Sent to the client as `Retry-After`; whole seconds. */
  readonly retryAfterSeconds?: number;
}

/**
 * What a service throws when it refuses or fails: a stable code from a closed union, and the exact reason for the log.
 * It knows nothing of HTTP; the table of the app (see `defineProblems`) says which status a code becomes.
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

/** How a code looks to a client: the HTTP status and a short title that is always the same (RFC 9457 section 3.1). */
export interface ProblemDefinition {
  readonly status: number;
  readonly title: string;
  /** Value of `WWW-Authenticate` (RFC 9110 section 11.6.1) for a 401 that a bearer token would not help. */
  readonly challenge?: string;
}

/** The table from codes to problems; complete by type for the union that is given. */
export type ProblemTable<Code extends string = string> = Readonly<Record<Code, ProblemDefinition>>;

/** Declares the problems of an app; every code of the union needs its row. */
export function defineProblems<Code extends string>(table: ProblemTable<Code>): ProblemTable<Code> {
  return table;
}
