/**
 * Answers requests that no route sees: bytes that are not HTTP, requests that arrive too late, URLs that cannot be
 * parsed, a missing Host, an unknown Expect, an unknown path, a method that a path does not have.
 *
 * Node and Fastify answer most of these in forms of their own, and log nothing. Here each takes the way of every other
 * request. So its answer has the request id and the CORS fields, and it is logged and measured. Only if no request was
 * parsed at all, the answer is written directly to the socket.
 */
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { allowedMethodsOf } from './allowed-methods.js';
import type { Logger } from './logging.js';
import { kitProblems, type KitCode } from './problem.js';
import type { ProblemFilter } from './problem-filter.js';
import { problemBody } from './problem-filter.js';
import { requestIdFor, requestIdHeader } from './request-context.js';
import { commonHeaders } from './response-headers.js';
import { ServiceError } from './service-error.js';

/** A path without a route. A request whose URL the router cannot parse gets this path instead. */
const nowhere = '/an-url-that-cannot-be-parsed';

/** How long the rest of the client's bytes is read and dropped. Without this, the client could not read our answer. */
const lingerMs = 1_000;

/** The problem for bytes that are not a valid HTTP request, by Node's error code. */
const codeOfClientError: Readonly<Record<string, KitCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
};

interface UnroutedOptions {
  readonly filter: ProblemFilter;
  readonly logger: Logger;
  /** Receives the status of each answer to bytes that were not a request. */
  readonly onUnparsed: (status: number) => void;
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export class UnroutedRequests {
  private readonly latest = new WeakMap<Socket, Exchange>();
  private readonly unroutable = new WeakMap<IncomingMessage, Error>();
  private readonly broken = new WeakSet<Socket>();
  private server!: FastifyInstance;
  private allowedMethods!: (path: string) => string[];

  constructor(private readonly options: UnroutedOptions) {}

  /** Adds its hooks to a server. To be called before any route is added. */
  watch(server: FastifyInstance): void {
    this.server = server;
    this.allowedMethods = allowedMethodsOf(server);
    // Otherwise Node answers by itself. Now they arrive like other requests, and `faultOf` refuses them.
    server.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
      server.server.emit('request', request, response),
    );
    server.addHook('onRequest', (request, _reply, done) => done(this.faultOf(request)));
  }

  /** Remembers the last request of a connection. */
  arrived(request: FastifyRequest, reply: FastifyReply): void {
    this.latest.set(request.raw.socket, { request, reply });
  }

  /**
   * Routes a request a second time, together with its fault. For Fastify's `frameworkErrors`, which runs before all
   * hooks.
   */
  readonly reroute = (
    error: Error,
    { raw: request }: FastifyRequest,
    { raw: response }: FastifyReply,
  ): void => {
    this.unroutable.set(request, error);
    // The log line needs it. Fastify uses this name for a URL that was replaced.
    Object.assign(request, { originalUrl: request.url, url: nowhere });
    this.server.routing(request, response);
  };

  private faultOf({ raw, headers }: FastifyRequest): Error | undefined {
    const error = this.unroutable.get(raw);
    if (error) return error;
    // RFC 9112 section 3.2.
    if (headers.host === undefined && raw.httpVersion === '1.1') {
      return new ServiceError('malformed_request', { message: 'no Host' });
    }
    if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
      return new ServiceError('expectation_failed');
    }
    return undefined;
  }

  /** Answers a request that no route matches: 405 if its path has other methods, otherwise 404. */
  readonly notFound = (request: FastifyRequest, reply: FastifyReply): void => {
    const allowed = this.allowedMethods(request.url);
    // 404 also if the path has this method: then its route found nothing, or the request named no path.
    const otherMethods = allowed.length > 0 && !allowed.includes(request.method);
    if (otherMethods) reply.header('allow', allowed.join(', '));
    const code: KitCode = otherMethods ? 'method_not_allowed' : 'route_not_found';
    this.options.filter.answer(new ServiceError(code), request, reply);
  };

  /**
   * Answers a broken connection. For Node's `clientError`. If a request had begun, the answer belongs to that request.
   * Only the first error of a connection counts, because Node reports another one for every chunk after it.
   */
  readonly answerBroken = (error: Error & { code?: string }, socket: Socket): void => {
    const { code: reason = '' } = error;
    if (reason === 'ECONNRESET' || !socket.writable || this.broken.has(socket)) return;
    this.broken.add(socket);
    const code = codeOfClientError[reason] ?? 'malformed_request';
    const { request, reply } = this.latest.get(socket) ?? {};
    if (!request || !reply) return this.writeAnswer(code, reason, socket);
    if (!request.raw.complete) {
      if (reply.sent) return void socket.destroySoon();
      reply.header('connection', 'close');
      return this.options.filter.answer(new ServiceError(code, { cause: error }), request, reply);
    }
    // The bytes after the request are broken. The request's own answer goes first. Otherwise the client would take our
    // answer for it.
    if (reply.raw.writableFinished) return this.writeAnswer(code, reason, socket);
    // Nothing more is read until then. The error is not kept, because it holds the broken chunk.
    socket.pause();
    reply.raw.once('close', () => {
      socket.resume();
      this.writeAnswer(code, reason, socket);
    });
  };

  private writeAnswer(code: KitCode, reason: string, socket: Socket): void {
    if (!socket.writable) return;
    const problem = { ...kitProblems[code], code };
    const { status } = problem;
    const requestId = requestIdFor(undefined);
    const body = problemBody(problem, requestId);
    const fields = {
      ...commonHeaders,
      [requestIdHeader]: requestId,
      'content-type': 'application/problem+json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
    setTimeout(() => socket.destroy(), lingerMs).unref();
    this.options.logger.info({ requestId, status, code, reason }, 'request');
    this.options.onUnparsed(status);
  }
}
