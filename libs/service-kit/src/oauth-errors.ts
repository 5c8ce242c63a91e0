/** What is different at the endpoints of OAuth: they read forms, and their errors have the form of RFC 6749 §5.2. */
import type { FastifyRequest } from 'fastify';
import type { Problem } from './problem.js';
import type { ProblemTable } from './service-error.js';

export interface OAuthEndpoints {
  /** The paths of the routes. */
  readonly paths: readonly string[];
  /** Problems that have another status or title at these routes. */
  readonly problems: ProblemTable;
}

/** The registered codes that our endpoints answer with (RFC 6749 §5.2, RFC 8707 §2, RFC 7009 §2.2.1). */
const oauthCodes = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_token_type',
]);

export function isOAuthRequest(request: FastifyRequest, oauth: OAuthEndpoints | undefined): boolean {
  return oauth?.paths.includes(request.routeOptions.url ?? '') ?? false;
}

/** Makes the text of an error answer. A description has no quotation mark and no backslash (RFC 6749 §5.2). */
export function oauthErrorBody(problem: Problem): string {
  const { title, errors } = problem;
  const description = errors?.[0]?.message ?? title;
  return JSON.stringify({
    error: oauthCodeOf(problem),
    error_description: description.replace(/[^ !#-[\]-~]/g, ''),
  });
}

/** The codes for 500 and 503 are those of the authorization endpoint. For the other endpoints there is none. */
function oauthCodeOf({ code, status }: Problem): string {
  if (oauthCodes.has(code)) return code;
  if (status === 503) return 'temporarily_unavailable';
  return status >= 500 ? 'server_error' : 'invalid_request';
}

/**
 * The challenge for a client that failed to authenticate, in the scheme that it used. Undefined if it did not use the
 * Authorization field.
 */
export function oauthChallenge({ headers }: FastifyRequest): string | undefined {
  if (headers.authorization === undefined) return undefined;
  return /^basic\b/i.test(headers.authorization) ? 'Basic realm="oauth"' : 'Bearer';
}
