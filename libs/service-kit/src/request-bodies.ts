/** Decides which request bodies a service reads: only JSON, or at some routes only forms, without a content encoding. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { decodeForm } from './forms.js';
import { isOAuthRequest, type OAuthEndpoints } from './oauth-errors.js';
import { ServiceError } from './service-error.js';
import { strictJsonParser } from './strict-json.js';

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

/**
 * Reads `application/json` and refuses every other content type with 415. A browser sends forms and plain text to
 * another origin without asking (CORS), but JSON only after a preflight. So a foreign page cannot post to our routes.
 * Only the endpoints of OAuth read forms, and nothing else. A foreign page gains nothing by posting there, because a
 * browser has nothing to add that authenticates a client. A request without content has no body, whatever content type
 * it names: many clients name one on every request.
 */
export function readBodies(server: FastifyInstance, oauth: OAuthEndpoints | undefined): void {
  const parseJson = strictJsonParser(server);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(JSON_TYPE, { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else parseJson(request, body as Buffer, done);
  });
  server.addContentTypeParser(FORM_TYPE, { parseAs: 'buffer' }, (_request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    try {
      done(null, decodeForm(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  server.addContentTypeParser('*', (request, _content, done) => {
    if (!hasContent(request) || request.is404) done(null, undefined);
    else done(new ServiceError('unsupported_media_type'), undefined);
  });
  // Before the body is read.
  server.addHook('preParsing', (request, _reply, content, done) => {
    const other = isOAuthRequest(request, oauth) ? JSON_TYPE : FORM_TYPE;
    if (!hasContent(request) || request.is404 || mediaTypeOf(request) !== other) return done(null, content);
    done(new ServiceError('unsupported_media_type'));
  });
  server.addHook('preParsing', (request, reply, content, done) => {
    if (!isEncoded(request) || !hasContent(request) || request.is404) return done(null, content);
    // The rest of the body is not read, so the connection closes: the rest must not be parsed as the next request. The
    // field says what would be accepted (RFC 9110 section 15.5.16).
    reply.headers({ connection: 'close', 'accept-encoding': 'identity' });
    done(new ServiceError('unsupported_content_encoding'));
  });
}

/**
 * Whether content follows the header fields. With `Transfer-Encoding: chunked`, only reading shows whether it is empty.
 */
function hasContent({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function isEncoded({ headers }: FastifyRequest): boolean {
  return (headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity';
}

function mediaTypeOf({ headers }: FastifyRequest): string | undefined {
  return headers['content-type']?.split(';', 1)[0]!.trim().toLowerCase();
}
