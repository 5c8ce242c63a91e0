import type { TrustError, TrustErrorCode } from '../trust-error.js';

/** What a client is told of a refusal: as little as RFC 6750 §3 asks for. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 431 | 503;
  readonly code:
    | 'missing_token'
    | 'invalid_request'
    | 'invalid_token'
    | 'insufficient_scope'
    | 'headers_too_large'
    | 'trust_stale';
  readonly title: string;
  /** Value of `WWW-Authenticate`, where the status asks for one. */
  readonly challenge?: string;
}

const INVALID_TOKEN: Refusal = {
  status: 401,
  code: 'invalid_token',
  title: 'The access token is not valid here',
  challenge: 'Bearer error="invalid_token"',
};

const REFUSALS: Partial<Record<TrustErrorCode, Refusal>> = {
  missing_token: {
    status: 401,
    code: 'missing_token',
    title: 'This route needs an access token',
    challenge: 'Bearer',
  },
  repeated_authorization: {
    status: 400,
    code: 'invalid_request',
    title: 'The request has more than one Authorization field',
    challenge: 'Bearer error="invalid_request"',
  },
  too_many_fields: {
    status: 431,
    code: 'headers_too_large',
    title: 'The request has too many header fields',
  },
  trust_stale: {
    status: 503,
    code: 'trust_stale',
    title: 'This service has no current key set',
  },
};

/** The answer to a refused request; `scopes` are those that the route asks for. */
export function refusalFor(error: TrustError, scopes: readonly string[]): Refusal {
  if (error.code !== 'insufficient_scope') return REFUSALS[error.code] ?? INVALID_TOKEN;
  return {
    status: 403,
    code: 'insufficient_scope',
    title: 'The access token lacks a scope that this route needs',
    challenge: `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"`,
  };
}
