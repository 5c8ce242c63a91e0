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
import { readOnlyJson } from './request-bodies.js';
import { requestIdFor, requestIdHeader, withRequest } from './request-context.js';
import { setCommonHeaders } from './response-headers.js';
import { ServiceError } from './service-error.js';
import { UnroutedRequests } from './unrouted-requests.js';

interface ServerOptions {
  readonly bodyLimitBytes: number;
  /** Whose X-Forwarded-For is believed; a request from any other address is from that address. */
  readonly trustedProxies: readonly string[];
  /** How long open connections are still answered when no new ones are accepted any more, before the server closes. */
  readonly shutdownDelayMs: number;
  /** How long requests in flight may take to finish once the server closes; after that they are cut. */
  readonly drainTimeoutMs: number;
  /** `receiveTimes` by default. */
  readonly receiving?: ReceiveTimes | undefined;
  readonly logger: Logger;
  readonly filter: ProblemFilter;
  /** Told the status of each answer to bytes that were no request. */
  readonly onUnparsed: (status: number) => void;
}

const quietRoutes = new Set(['/health/live', '/health/ready', '/metrics']);

/** Makes the Fastify adapter of a service; every answer, also to what never reaches a route, bears the request id. */
export function createHttpAdapter({
  bodyLimitBytes,
  trustedProxies,
  shutdownDelayMs,
  drainTimeoutMs,
  receiving = receiveTimes,
  logger,
  filter,
  onUnparsed,
}: ServerOptions): FastifyAdapter {
  const unrouted = new UnroutedRequests({ filter, logger, onUnparsed });
  const options: FastifyHttpOptions<HttpServer> = {
    bodyLimit: bodyLimitBytes,
    // What Node would answer by itself, `UnroutedRequests` answers.
    http: { ...receiving, requireHostHeader: false },
    requestTimeout: receiving.requestTimeout,
    keepAliveTimeout: 5_000,
    forceCloseConnections: 'idle',
    // We answer in our own shape while closing, see `drain`.
    return503OnClosing: false,
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    requestIdHeader: false,
    genReqId: (request) => requestIdFor(request.headers[requestIdHeader]),
    // The schema of a parameter judges its length, as that of a field in a body; Node limits the whole to 16 KiB.
    routerOptions: { maxParamLength: Number.MAX_SAFE_INTEGER },
    frameworkErrors: unrouted.reroute,
    clientErrorHandler: unrouted.answerBroken,
  };
  const adapter = new ServiceAdapter(options, unrouted, shutdownDelayMs);
  const server = adapter.getInstance<FastifyInstance>();
  // Otherwise Node drops fields beyond a count and tells no one. Their size stays limited, to 16 KiB in all.
  server.server.maxHeadersCount = 0;
  // Before every other hook, also those of the adapter, some of which answer.
  adapter.setOnRequestHook((request, reply, done) => {
    setCommonHeaders(request, reply);
    unrouted.arrived(request, reply);
    withRequest(request, done);
  });
  keepClientAddresses(server);
  // Once more, because reading the body goes on in the context of the socket.
  server.addHook('preValidation', (request, _reply, done) => withRequest(request, done));
  unrouted.watch(server);
  readOnlyJson(server);
  drain(adapter, drainTimeoutMs);
  logRequests(server, logger);
  return adapter;
}

/**
 * Refuses new connections as soon as the app closes, before anything in it ends. A proxy takes a refused connection to
 * another replica. Those that it keeps open are answered and closed with the answer, so that none is closed under a
 * request, which the proxy could not repeat unless it is safe.
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

  // Nest waits for it, though its type does not say so.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  override async beforeClose(): Promise<void> {
    super.beforeClose();
    this.leaving = true;
    // That of HTTP would close idle connections as well.
    Server.prototype.close.call(this.getHttpServer());
    await sleep(this.delayMs);
  }

  /** Instead of Nest's handler, which knows only 404. */
  override setNotFoundHandler(): ReturnType<FastifyAdapter['setNotFoundHandler']> {
    return this.getInstance().setNotFoundHandler(this.unrouted.notFound);
  }
}

/** Requests in flight finish, for a bounded time; connections close with their answer; new requests are refused. */
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

/** The path without its query, since a query may hold what should not be kept. */
function logRequests(server: FastifyInstance, logger: Logger): void {
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? request.originalUrl.split('?', 1)[0]?.slice(0, 200);
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
