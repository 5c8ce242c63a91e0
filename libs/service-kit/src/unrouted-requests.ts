/**
 * Answers to what no route ever sees: bytes that are no HTTP, requests that end too late, URLs that cannot be parsed, a
 * missing Host, an Expect that nobody fulfils, an unknown path, a method that a path does not have.
 *
 * Node and Fastify answer most of these by themselves, in shapes of their own and with no trace. Here each is led back
 * to the way that every request takes, so that its answer bears the request id and the CORS fields, and is logged and
 * measured. Only where no request was parsed at all is the answer written to the socket.
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

/** No route has it: a request that the router gave up is sent here instead. */
const nowhere = '/an-url-that-cannot-be-parsed';

/** How long the rest of what a client sends is read and dropped, so that it gets to read our answer. */
const lingerMs = 1_000;

/** What a request is to be answered with that is not even HTTP, by Node's code. */
const codeOfClientError: Readonly<Record<string, KitCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
};

interface UnroutedOptions {
  readonly filter: ProblemFilter;
  readonly logger: Logger;
  /** Told of each answer to bytes that were no request. */
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

  /** Puts its hooks on a server, before any route. */
  watch(server: FastifyInstance): void {
    this.server = server;
    this.allowedMethods = allowedMethodsOf(server);
    // Otherwise Node answers by itself. `refuseUnfit` refuses them once they have come the usual way.
    server.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
      server.server.emit('request', request, response),
    );
    server.addHook('onRequest', (request, _reply, done) => done(this.faultOf(request)));
  }

  /** Remembers the request whose body a connection is sending. */
  arrived(request: FastifyRequest, reply: FastifyReply): void {
    this.latest.set(request.raw.socket, { request, reply });
  }

  /** For Fastify's `frameworkErrors`, which comes before all hooks: lets the request come once more, with its fault. */
  readonly reroute = (
    error: Error,
    { raw: request }: FastifyRequest,
    { raw: response }: FastifyReply,
  ): void => {
    this.unroutable.set(request, error);
    // For the log line; Fastify's name for what a proxy or a rewrite replaced.
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

  /** Answers a request that no route matches: 405 where its path has other methods, else 404. */
  readonly notFound = (request: FastifyRequest, reply: FastifyReply): void => {
    const allowed = this.allowedMethods(request.url);
    // 404 where the path has this method and its route found nothing, or where the request named no path.
    const otherMethods = allowed.length > 0 && !allowed.includes(request.method);
    if (otherMethods) reply.header('allow', allowed.join(', '));
    const code: KitCode = otherMethods ? 'method_not_allowed' : 'route_not_found';
    this.options.filter.answer(new ServiceError(code), request, reply);
  };

  /**
   * For Node's `clientError`. Where a request had begun, the answer is to it. Only the first error of a connection
   * counts: Node tells of another with every chunk that comes after it.
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
    // What came after it is broken. Its own answer goes first, or the client takes ours for it.
    if (reply.raw.writableFinished) return this.writeAnswer(code, reason, socket);
    // Nothing more is read meanwhile, and the error is not kept, for it holds the chunk that was broken.
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
