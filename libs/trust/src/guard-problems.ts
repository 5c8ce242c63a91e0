import type { TrustError, TrustErrorCode } from './trust-error.js';

/** What a client reads about a refusal. RFC 6750 §3 asks for no more. */
interface GuardProblem {
  readonly status: 400 | 401 | 403 | 431 | 503;
  readonly title: string;
  /** The parameters of the challenge in `WWW-Authenticate`, where the status asks for one. */
  readonly parameters?: readonly string[];
}

/** Every problem that the guard answers with, by the code that the client reads. */
export const guardProblems = {
  missing_token: { status: 401, title: 'This route needs an access token', parameters: [] },
  invalid_request: {
    status: 400,
    title: 'The request has more than one Authorization field',
    parameters: ['error="invalid_request"'],
  },
  headers_too_large: { status: 431, title: 'The request has too many header fields' },
  invalid_token: {
    status: 401,
    title: 'The access token is not valid here',
    parameters: ['error="invalid_token"'],
  },
  wrong_actor: { status: 403, title: 'This route needs a token that another service got for its caller' },
  // Its challenge also names the scopes of the route.
  insufficient_scope: {
    status: 403,
    title: 'The access token lacks a scope that this route needs',
    parameters: ['error="insufficient_scope"'],
  },
  trust_stale: { status: 503, title: 'This service cannot check tokens at the moment; try again' },
} as const satisfies Record<string, GuardProblem>;

type GuardCode = keyof typeof guardProblems;

/**
 * The errors that a client may distinguish. Any other is `invalid_token`: a client must not learn what is wrong with a
 * token.
 */
const CODES: Partial<Record<TrustErrorCode, GuardCode>> = {
  missing_token: 'missing_token',
  repeated_authorization: 'invalid_request',
  too_many_fields: 'headers_too_large',
  wrong_actor: 'wrong_actor',
  insufficient_scope: 'insufficient_scope',
  trust_stale: 'trust_stale',
};

/** What a refusal depends on, beside the error. */
interface Refused {
  /** The scopes that the route requires. */
  readonly scopes: readonly string[];
  /** A parameter of every challenge, if there is one. */
  readonly resourceMetadata: string | undefined;
}

/** What the guard answers. `challenge` is the value of `WWW-Authenticate`. */
interface Answer extends Pick<GuardProblem, 'status' | 'title'> {
  readonly code: GuardCode;
  readonly challenge?: string;
}

/** Returns the answer to a refused request. */
export function problemFor(error: TrustError, { scopes, resourceMetadata }: Refused): Answer {
  const code = CODES[error.code] ?? 'invalid_token';
  const { parameters: usual, ...problem }: GuardProblem = guardProblems[code];
  if (usual === undefined) return { code, ...problem };
  const parameters = [
    ...usual,
    ...(code === 'insufficient_scope' ? [`scope="${scopes.join(' ')}"`] : []),
    ...(resourceMetadata === undefined ? [] : [resourceMetadata]),
  ];
  return { code, ...problem, challenge: `Bearer ${parameters.join(', ')}`.trimEnd() };
}
