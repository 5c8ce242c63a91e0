/**
 * The refresh token of a browser. It is in a cookie that no script can read (RFC 6265, RFC 9700 §2.2.2 is about what a
 * stolen one is worth). A browser sends a cookie by itself, also for a page of an attacker (CSRF). So every request with
 * the cookie also needs a header field that only a page of an allowed origin can set: for any other page, the browser
 * asks first (a CORS preflight), and auth does not allow it.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { ServiceError } from '#service-kit';
import { AuthError } from '../errors.js';

/** With this prefix, a browser takes the cookie only over TLS, or from localhost. */
export const REFRESH_COOKIE = '__Secure-refresh';
/** Its value does not matter. */
export const CSRF_HEADER = 'x-csrf-protection';

const ATTRIBUTES = 'Path=/auth; HttpOnly; Secure; SameSite=Strict';

/** @param maxAge in seconds */
export function setRefreshCookie(reply: FastifyReply, token: string, maxAge: number): void {
  reply.header('set-cookie', `${REFRESH_COOKIE}=${token}; Max-Age=${maxAge}; ${ATTRIBUTES}`);
}

export function clearRefreshCookie(reply: FastifyReply): void {
  setRefreshCookie(reply, '', 0);
}

/**
 * The refresh token in the cookie of a request. Undefined without a cookie.
 *
 * @throws ServiceError `invalid_request` if there are two such cookies: one of them may be an attacker's, set by another
 *   service of this host or domain
 * @throws AuthError `csrf_proof_missing`
 */
export function refreshTokenOfCookie(headers: IncomingHttpHeaders): string | undefined {
  const tokens = (headers.cookie ?? '')
    .split(';')
    // RFC 6265 §4.2.1. `trim` would also remove a no-break space: a browser does not know the prefix behind one, so an
    // attacker could set such a cookie.
    .map((pair) => pair.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((pair) => pair.startsWith(`${REFRESH_COOKIE}=`))
    .map((pair) => pair.slice(REFRESH_COOKIE.length + 1));
  if (tokens.length > 1) {
    const message = 'There are two cookies of this name; delete them, and log in again';
    throw new ServiceError('invalid_request', { errors: [{ field: REFRESH_COOKIE, message }] });
  }
  if (tokens.length === 1 && !headers[CSRF_HEADER]) throw new AuthError('csrf_proof_missing');
  return tokens[0];
}

/**
 * The refresh token of a request, which is in the cookie or in the body.
 *
 * @throws ServiceError `invalid_request` if it is in neither or in both, or there are two cookies
 * @throws AuthError `csrf_proof_missing`
 */
export function presentedRefreshToken(headers: IncomingHttpHeaders, inBody: string | undefined) {
  const inCookie = refreshTokenOfCookie(headers);
  const token = inCookie ?? inBody;
  if (token === undefined || (inCookie !== undefined && inBody !== undefined)) {
    const message =
      token === undefined ? 'Required, or the cookie' : 'Send it here or in the cookie, not both';
    throw new ServiceError('invalid_request', { errors: [{ field: 'refresh_token', message }] });
  }
  return { token, isCookie: inCookie !== undefined };
}
