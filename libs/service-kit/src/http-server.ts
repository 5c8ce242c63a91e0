/**
 * The HTTP server below Nest: limits, request ids, headers, the log line of a request, and draining.
 */
import type { Server as HttpServer } from 'node:http';
import { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyHttpOptions, FastifyInstance } from 'fastify';
import { keepClientAddresses } from './client-address.js';
import type { Logger } from './logging.js';
import type { ProblemFilter } from './problem-filter.js';
import { type ReceiveTimes, receiveTimes } from './receiving.js';
import type { OAuthEndpoints } from './oauth-errors.js';
import { readBodies } from './request-bodies.js';
import { contextOf, requestIdFor, requestIdHeader, withRequest } from './request-context.js';
import { setCommonHeaders } from './response-headers.js';
import { ServiceError } from './service-error.js';
import { UnroutedRequests } from './unrouted-requests.js';

interface ServerOptions {
  readonly bodyLimitBytes: number;
  /** The proxies whose X-Forwarded-For is believed. A request from any other address counts as from that address. */
  readonly trustedProxies: readonly string[];
  /** How long open connections are still answered before the server closes. New connections are refused meanwhile. */
  readonly shutdownDelayMs: number;
  /**
   * How long requests in flight may take to finish after the server begins to close. Then their connections are cut.
   */
  readonly drainTimeoutMs: number;
  /** Default: `receiveTimes`. */
  readonly receiving?: ReceiveTimes | undefined;
  readonly logger: Logger;
  readonly filter: ProblemFilter;
  /** Their routes read forms. */
  readonly oauth?: OAuthEndpoints | undefined;
  /** Receives the status of each answer to bytes that were not a request. */
  readonly onUnparsed: (status: number) => void;
}

const quietRoutes = new Set(['/health/live', '/health/ready', '/metrics']);

/** Makes the Fastify adapter of a service. Every answer has a request id, even to a request that reaches no route. */
export function createHttpAdapter({
  bodyLimitBytes,
  trustedProxies,
  shutdownDelayMs,
  drainTimeoutMs,
  receiving = receiveTimes,
  logger,
  filter,
  oauth,
  onUnparsed,
}: ServerOptions): FastifyAdapter {
  const unrouted = new UnroutedRequests({ filter, logger, onUnparsed });
  const options: FastifyHttpOptions<HttpServer> = {
    bodyLimit: bodyLimitBytes,
    // `UnroutedRequests` gives the answers that Node would give by itself.
    http: { ...receiving, requireHostHeader: false },
    requestTimeout: receiving.requestTimeout,
    keepAliveTimeout: 5_000,
    forceCloseConnections: 'idle',
    // While the server closes, `drain` answers with a problem of ours.
    return503OnClosing: false,
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    requestIdHeader: false,
    genReqId: (request) => requestIdFor(request.headers[requestIdHeader]),
    // The schema of a parameter limits its length, like that of a field in a body. Node limits the whole head to 16
    // KiB.
    routerOptions: { maxParamLength: Number.MAX_SAFE_INTEGER },
    frameworkErrors: unrouted.reroute,
    clientErrorHandler: unrouted.answerBroken,
  };
  const adapter = new ServiceAdapter(options, unrouted, shutdownDelayMs);
  const server = adapter.getInstance<FastifyInstance>();
  // Otherwise Node silently drops fields beyond a number. Their size is still limited, to 16 KiB together.
  server.server.maxHeadersCount = 0;
  // Before every other hook, also those of the adapter, because some of them answer.
  adapter.setOnRequestHook((request, reply, done) => {
    setCommonHeaders(request, reply);
    unrouted.arrived(request, reply);
    withRequest(request, done);
  });
  keepClientAddresses(server);
  // A second time, because reading the body continues in the context of the socket.
  server.addHook('preValidation', (request, _reply, done) => withRequest(request, done));
  server.addHook('preValidation', (request, _reply, done) =>
    // The caller has given up already, so an answer would help nobody.
    contextOf(request).deadline?.hasPassed ? done(new ServiceError('deadline_passed')) : done(),
  );
  unrouted.watch(server);
  readBodies(server, oauth);
  drain(adapter, drainTimeoutMs);
  logRequests(server, logger);
  return adapter;
}

/**
 * Refuses new connections as soon as the app begins to close, before any part of it ends. A proxy then sends the
 * request to another replica. Connections that the proxy keeps open are still answered, and each closes with its next
 * answer. So no connection closes during a request: a proxy can repeat such a request only if that is safe.
 */
class ServiceAdapter extends FastifyAdapter {
  leaving = false;

  constructor(
    options: FastifyHttpOptions<HttpServer>,
    private readonly unrouted: UnroutedRequests,
    private readonly delayMs: number,
  ) {
    super(options);
  }

  // Nest awaits it, although its type does not say so.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  override async beforeClose(): Promise<void> {
    super.beforeClose();
    this.leaving = true;
    // The `close` of an HTTP server would also close idle connections.
    Server.prototype.close.call(this.getHttpServer());
    await sleep(this.delayMs);
  }

  /** Replaces Nest's handler, which answers only 404. */
  override setNotFoundHandler(): ReturnType<FastifyAdapter['setNotFoundHandler']> {
    return this.getInstance().setNotFoundHandler(this.unrouted.notFound);
  }
}

/**
 * Lets requests in flight finish, for a limited time. Connections close with their answer, and new requests are
 * refused.
 */
function drain(adapter: ServiceAdapter, timeoutMs: number): void {
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

/** Logs each request, without the query: it may contain what must not be kept. */
function logRequests(server: FastifyInstance, logger: Logger): void {
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? request.originalUrl.split('?', 1)[0]?.slice(0, 200);
    const line = {
      requestId: request.id,
      traceId: contextOf(request).trace.traceId,
      method: request.method,
      route,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
    };
    logger[quietRoutes.has(route ?? '') ? 'debug' : 'info'](line, 'request');
    done();
  });
}
