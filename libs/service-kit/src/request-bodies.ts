/** Which request bodies a service reads: JSON in plain octets, and no other. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from './service-error.js';
import { strictJsonParser } from './strict-json.js';

/**
 * Reads `application/json` and refuses every other content type with 415. A browser sends forms and plain text to other
 * origins without asking first (CORS), but JSON only after a preflight; so a foreign page cannot post to our routes.
 * A request without content has no body, whatever content type it names: many clients name one on every request.
 */
export function readOnlyJson(server: FastifyInstance): void {
  const parseJson = strictJsonParser(server);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else parseJson(request, body as Buffer, done);
  });
  server.addContentTypeParser('*', (request, _content, done) => {
    if (!hasContent(request) || request.is404) done(null, undefined);
    else done(new ServiceError('unsupported_media_type'), undefined);
  });
  server.addHook('preParsing', (request, reply, content, done) => {
    if (!isEncoded(request) || !hasContent(request) || request.is404) return done(null, content);
    // What is left of the body is not read, so it must not be taken for the next request. The field says what would do
    // (RFC 9110 section 15.5.16).
    reply.headers({ connection: 'close', 'accept-encoding': 'identity' });
    done(new ServiceError('unsupported_content_encoding'));
  });
}

/** Whether content follows the fields; of `Transfer-Encoding: chunked` that shows only once it is read. */
function hasContent({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function isEncoded({ headers }: FastifyRequest): boolean {
  return (headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity';
}
