import type { TrustError, TrustErrorCode } from '../trust-error.js';

/** What a client reads about a refusal. RFC 6750 §3 asks for no more. */
interface GuardProblem {
  readonly status: 400 | 401 | 403 | 431 | 503;
  readonly title: string;
  /** Value of `WWW-Authenticate`, where the status asks for one. */
  readonly challenge?: string;
}

/** Every problem that the guard answers with, by the code that the client reads. */
export const guardProblems = {
  missing_token: { status: 401, title: 'This route needs an access token', challenge: 'Bearer' },
  invalid_request: {
    status: 400,
    title: 'The request has more than one Authorization field',
    challenge: 'Bearer error="invalid_request"',
  },
  headers_too_large: { status: 431, title: 'The request has too many header fields' },
  invalid_token: {
    status: 401,
    title: 'The access token is not valid here',
    challenge: 'Bearer error="invalid_token"',
  },
  wrong_actor: { status: 403, title: 'This route needs a token that another service got for its caller' },
  // Its challenge also names the scopes of the route.
  insufficient_scope: { status: 403, title: 'The access token lacks a scope that this route needs' },
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

/** Returns the answer to a refused request. `scopes` are those that the route requires. */
export function problemFor(error: TrustError, scopes: readonly string[]): GuardProblem & { code: GuardCode } {
  const code = CODES[error.code] ?? 'invalid_token';
  const problem: GuardProblem = guardProblems[code];
  if (code !== 'insufficient_scope') return { code, ...problem };
  return { code, ...problem, challenge: `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"` };
}
