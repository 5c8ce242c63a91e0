/**
 * Reads JSON so strictly that no later reader can understand it differently: the bytes are UTF-8, and no object has a
 * member twice (I-JSON, RFC 7493 §2). `JSON.parse` would keep the last of two equal names. A lenient decoder makes the
 * same U+FFFD from different bytes.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { repeatedNameIn } from '#jws';
import { ServiceError } from './service-error.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

type Done = (error: Error | null, body?: unknown) => void;

/**
 * Makes the parser of `application/json` bodies. It is Fastify's own parser, which refuses `__proto__`, with these two
 * checks.
 */
export function strictJsonParser(server: FastifyInstance) {
  const parse = server.getDefaultJsonParser('error', 'error') as (
    request: FastifyRequest,
    text: string,
    done: Done,
  ) => void;
  return (request: FastifyRequest, bytes: Buffer, done: Done): void => {
    let text: string;
    try {
      text = decodeUtf8(bytes);
    } catch {
      return done(malformed('must be UTF-8'));
    }
    parse(request, text, (error, value) => {
      if (error) return done(error);
      const repeated = repeatedNameIn(text);
      if (repeated === undefined) return done(null, value);
      done(malformed(`has the member ${JSON.stringify(repeated.slice(0, 100))} twice`));
    });
  };
}

/** Decodes these bytes. @throws TypeError if they are not UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

function malformed(message: string): ServiceError<'malformed_body'> {
  return new ServiceError('malformed_body', { errors: [{ field: '', message }] });
}
