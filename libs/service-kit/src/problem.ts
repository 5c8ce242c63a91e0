/**
 * Finds what a client may read about an exception (RFC 9457).
 *
 * These functions know no request and no reply. `ProblemFilter` makes problem+json of the result. An endpoint whose RFC
 * needs another form uses the same function in a filter of its own.
 */
import { STATUS_CODES } from 'node:http';
// Nest and its guards throw it. Only this file handles it.
import { HttpException } from '@nestjs/common';
import { guardProblems } from '#trust/nest';
import { isDatabaseUnavailable } from './database-errors.js';
import type { FieldError, ProblemTable } from './service-error.js';
import { defineProblems, ServiceError } from './service-error.js';

/** What a client may read about one failed request. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly challenge?: string | undefined;
  readonly errors?: readonly FieldError[] | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** The codes that every service may answer with. */
export type KitCode =
  | 'invalid_request'
  | 'malformed_request'
  | 'malformed_body'
  | 'malformed_url'
  | 'request_aborted'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'unsupported_content_encoding'
  | 'expectation_failed'
  | 'headers_too_large'
  | 'internal_error'
  | 'upstream_invalid'
  | 'upstream_unavailable'
  | 'upstream_timeout'
  | 'database_unavailable'
  | 'shutting_down'
  | 'deadline_passed'
  | 'invalid_token';

/** The problems that every service may answer with. The table of an app takes precedence. */
export const kitProblems = defineProblems<KitCode>({
  invalid_request: { status: 400, title: 'The request is not valid' },
  malformed_request: { status: 400, title: 'The request is not valid HTTP' },
  malformed_body: { status: 400, title: 'The body cannot be parsed as JSON' },
  malformed_url: { status: 400, title: 'The URL cannot be parsed' },
  request_aborted: { status: 400, title: 'The connection closed before the body was complete' },
  route_not_found: { status: 404, title: 'This route does not exist' },
  method_not_allowed: { status: 405, title: 'This route does not allow this method; see the Allow field' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported; send application/json' },
  unsupported_content_encoding: {
    status: 415,
    title: 'The content encoding is not supported; send the body without one',
  },
  expectation_failed: {
    status: 417,
    title: 'The Expect field is not supported; send 100-continue or no such field',
  },
  headers_too_large: { status: 431, title: 'The header fields are too large' },
  internal_error: { status: 500, title: 'Something went wrong' },
  upstream_invalid: { status: 502, title: 'Another service sent an answer that is not valid' },
  upstream_unavailable: { status: 503, title: 'Another service cannot be reached; try again' },
  upstream_timeout: { status: 503, title: 'Another service did not answer in time; try again' },
  database_unavailable: { status: 503, title: 'The database cannot be reached; try again' },
  shutting_down: { status: 503, title: 'The service is shutting down; try again' },
  deadline_passed: { status: 504, title: 'The time that the request allowed has passed' },
  // As the guard answers: the caller must log in again, also if only the next service or the issuer refuses its token.
  invalid_token: {
    status: 401,
    title: guardProblems.invalid_token.title,
    challenge: 'Bearer error="invalid_token"',
  },
});

/** The codes for refusals of the framework, by status. The framework's own error code comes first, see `problemOf`. */
const codeByStatus: Readonly<Record<number, KitCode>> = {
  400: 'invalid_request',
  404: 'route_not_found',
  413: 'body_too_large',
  415: 'unsupported_media_type',
};
const bodyParserCodes = /^FST_ERR_CTP_(INVALID_JSON_BODY|INVALID_CONTENT_LENGTH)$/;

/** Finds what a client may know about an exception. An unknown exception is `internal_error`, which says nothing. */
export function problemOf(exception: unknown, problems: ProblemTable = kitProblems): Problem {
  const named = (code: string): Problem => {
    const known = problems[code];
    return known ? { ...known, code } : { ...kitProblems.internal_error, code: 'internal_error' };
  };
  if (exception instanceof ServiceError) {
    const { code, errors, retryAfterSeconds } = exception as ServiceError;
    return { ...named(code), errors, retryAfterSeconds };
  }
  if (isDatabaseUnavailable(exception)) return { ...named('database_unavailable'), retryAfterSeconds: 1 };
  const thrown = exception instanceof HttpException ? exception : undefined;
  const body = thrown?.getResponse();
  if (isProblem(body)) return { ...body, status: thrown!.getStatus() };
  const status = thrown?.getStatus() ?? (exception as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status !== 'number' || status < 400 || (status >= 500 && !thrown))
    return named('internal_error');
  const frameworkCode = ((thrown?.cause ?? exception) as { code?: unknown } | null)?.code;
  if (frameworkCode === 'FST_ERR_BAD_URL') return named('malformed_url');
  if (typeof frameworkCode === 'string' && bodyParserCodes.test(frameworkCode))
    return named('malformed_body');
  const code = codeByStatus[status];
  if (code !== undefined) return named(code);
  return { status, code: `http_${status}`, title: STATUS_CODES[status] ?? 'Error' };
}

function isProblem(body: unknown): body is Omit<Problem, 'status'> {
  const { code, title } = (body ?? {}) as Partial<Problem>;
  return typeof code === 'string' && typeof title === 'string';
}
