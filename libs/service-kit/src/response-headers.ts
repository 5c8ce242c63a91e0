import type { FastifyReply, FastifyRequest } from 'fastify';
import { requestIdHeader } from './request-context.js';

/** Header fields of every answer. */
export const commonHeaders = {
  // An answer is for one caller at one time. A route whose answer may be cached sets its own value.
  'cache-control': 'no-store',
  // No answer is a page, except the documentation, which has its own policy.
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
} as const;

/**
 * The policy of a page of Swagger UI. It may load files of this service only. It may also use styles inside the page,
 * because Swagger UI has many.
 */
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
