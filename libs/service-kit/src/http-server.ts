/**
 * The HTTP server below Nest: limits, request ids, headers, the log line of a request, and draining.
 */
import type { Socket } from 'node:net';
import { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { keepClientAddresses } from './client-address.js';
import type { Logger } from './logging.js';
import { kitProblems } from './problem.js';
import type { ProblemFilter } from './problem-filter.js';
import { problemBody } from './problem-filter.js';
import { readOnlyJson } from './request-bodies.js';
import { requestIdFor, requestIdHeader, withRequestId } from './request-context.js';
import { ServiceError } from './service-error.js';

interface ServerOptions {
  readonly bodyLimitBytes: number;
  /** Whose X-Forwarded-For is believed; a request from any other address is from that address. */
  readonly trustedProxies: readonly string[];
  /** How long open connections are still answered when no new ones are accepted any more, before the server closes. */
  readonly shutdownDelayMs: number;
  /** How long requests in flight may take to finish once the server closes; after that they are cut. */
  readonly drainTimeoutMs: number;
  readonly logger: Logger;
  readonly filter: ProblemFilter;
}

const quietRoutes = new Set(['/health/live', '/health/ready', '/metrics']);

/** Makes the Fastify adapter of a service; every answer, also to what never reaches a route, bears the request id. */
export function createHttpAdapter({
  bodyLimitBytes,
  trustedProxies,
  shutdownDelayMs,
  drainTimeoutMs,
  logger,
  filter,
}: ServerOptions): FastifyAdapter {
  const options: FastifyServerOptions = {
    bodyLimit: bodyLimitBytes,
    requestTimeout: 15_000,
    keepAliveTimeout: 5_000,
    forceCloseConnections: 'idle',
    // We answer in our own shape while closing, see `drain`.
    return503OnClosing: false,
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    requestIdHeader: false,
    genReqId: (request) => requestIdFor(request.headers[requestIdHeader]),
    frameworkErrors: (error, request, reply) => {
      setCommonHeaders(request, reply);
      filter.answer(error, request, reply);
    },
    clientErrorHandler: answerBrokenRequest,
  };
  const adapter = new LeavingAdapter(options, shutdownDelayMs);
  const server = adapter.getInstance<FastifyInstance>();
  // Otherwise Node drops fields beyond a count and tells no one. Their size stays limited, to 16 KiB in all.
  server.server.maxHeadersCount = 0;
  // Twice, because reading the body goes on in the context of the socket.
  server.addHook('onRequest', (request, _reply, done) => withRequestId(request.id, done));
  server.addHook('preValidation', (request, _reply, done) => withRequestId(request.id, done));
  server.addHook('onRequest', (request, reply, done) => {
    setCommonHeaders(request, reply);
    done();
  });
  keepClientAddresses(server);
  readOnlyJson(server);
  drain(adapter, drainTimeoutMs);
  logRequests(server, logger);
  return adapter;
}

function setCommonHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({
    [requestIdHeader]: request.id,
    // Answers are for one caller at one time; a route that may be cached says so itself.
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
  });
}

/**
 * Refuses new connections as soon as the app closes, before anything in it ends. A proxy takes a refused connection to
 * another replica. Those that it keeps open are answered and closed with the answer, so that none is closed under a
 * request, which the proxy could not repeat unless it is safe.
 */
class LeavingAdapter extends FastifyAdapter {
  leaving = false;

  constructor(
    options: FastifyServerOptions,
    private readonly delayMs: number,
  ) {
    super(options);
  }

  // Nest waits for it, though its type does not say so.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  override async beforeClose(): Promise<void> {
    super.beforeClose();
    this.leaving = true;
    // That of HTTP would close idle connections as well.
    Server.prototype.close.call(this.getHttpServer());
    await sleep(this.delayMs);
  }
}

/** Requests in flight finish, for a bounded time; connections close with their answer; new requests are refused. */
function drain(adapter: LeavingAdapter, timeoutMs: number): void {
  const server = adapter.getInstance<FastifyInstance>();
  let closing = false;
  let cut: NodeJS.Timeout | undefined;
  server.addHook('preClose', (done) => {
    closing = true;
    cut = setTimeout(() => server.server.closeAllConnections(), timeoutMs);
    done();
  });
  server.addHook('onClose', (_server, done) => {
    clearTimeout(cut);
    done();
  });
  server.addHook('onRequest', (_request, _reply, done) =>
    closing ? done(new ServiceError('shutting_down', { retryAfterSeconds: 1 })) : done(),
  );
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (adapter.leaving) reply.header('connection', 'close');
    done(null, payload);
  });
}

/** The path without its query, since a query may hold what should not be kept. */
function logRequests(server: FastifyInstance, logger: Logger): void {
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? request.url.split('?', 1)[0]?.slice(0, 200);
    const line = {
      requestId: request.id,
      method: request.method,
      route,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
    };
    logger[quietRoutes.has(route ?? '') ? 'debug' : 'info'](line, 'request');
    done();
  });
}

/** What is not even HTTP, or has headers beyond Node's limit, has no request to answer to: write to the socket. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return;
  const problem =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? { status: 408, code: 'request_timeout', title: 'The request took too long to arrive' }
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? { status: 431, code: 'headers_too_large', title: 'The headers are too large' }
        : { ...kitProblems.invalid_request, code: 'malformed_request' };
  const requestId = requestIdFor(undefined);
  const body = problemBody(problem, requestId);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n${requestIdHeader}: ${requestId}\r\nconnection: close\r\n\r\n${body}`,
  );
}
