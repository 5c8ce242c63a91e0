import type { FastifyReply, FastifyRequest } from 'fastify';
import { requestIdHeader } from './request-context.js';

/** Header fields of every answer. */
export const commonHeaders = {
  // Answers are for one caller at one time; a route that may be cached says so itself.
  'cache-control': 'no-store',
  // Nothing that a service answers is a page, except its documentation, which has a policy of its own.
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
} as const;

/** The policy of a page of Swagger UI: files of this service alone, but styles in the page, which it is full of. */
export const documentationPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function setCommonHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({ ...commonHeaders, [requestIdHeader]: request.id });
}
