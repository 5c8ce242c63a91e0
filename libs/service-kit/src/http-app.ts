/** The parts of every HTTP service: server, errors, validation, CORS, metrics, documentation, shutdown. */
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Registry } from 'prom-client';
import { createHttpAdapter } from './http-server.js';
import type { Logger } from './logging.js';
import { createLogger } from './logging.js';
import { nestLogger } from './nest-logger.js';
import { MetricsModule, observeRequests, unparsedRequests } from './metrics.js';
import type { OAuthEndpoints } from './oauth-errors.js';
import { openApiDocument } from './openapi.js';
import { ProblemFilter } from './problem-filter.js';
import type { ReceiveTimes } from './receiving.js';
import { requestIdHeader } from './request-context.js';
import { documentationPolicy } from './response-headers.js';
import type { ProblemTable } from './service-error.js';
import type { HttpSettings } from './setting-groups.js';
import { ValidationPipe } from './validation.js';

/** What `createHttpApp` needs to know about a service. */
export interface HttpAppOptions {
  readonly service: string;
  readonly version: string;
  readonly settings: Pick<HttpSettings, 'bodyLimitBytes' | 'corsAllowedOrigins' | 'logLevel'> &
    Partial<Pick<HttpSettings, 'trustedProxies' | 'shutdownDelayMs'>>;
  /** The app's own problem codes. They take precedence over those of the kit. */
  readonly problems?: ProblemTable;
  /** For a service that reads a cookie. Only pages of the allowed origins may use it. */
  readonly cookies?: {
    readonly name: string;
    /** The header field by which a page shows that it is allowed to. */
    readonly csrfHeader: string;
  };
  /** For an authorization server. */
  readonly oauth?: OAuthEndpoints;
  readonly logger?: Logger;
  /** How long requests in flight may take to finish when the app closes. Milliseconds; default 10,000. */
  readonly drainTimeoutMs?: number;
  /** How long a request may take to arrive. Default: `receiveTimes`. */
  readonly receiving?: ReceiveTimes;
}

/**
 * Makes the app, ready to `listen`. `/metrics`, `/docs` and `/docs/json` are public. The module and its guards decide
 * about everything else. `runService` handles signals.
 */
export async function createHttpApp(
  module: Type<unknown> | DynamicModule,
  {
    service,
    version,
    settings,
    problems,
    cookies,
    oauth,
    logger: given,
    drainTimeoutMs = 10_000,
    receiving,
  }: HttpAppOptions,
): Promise<NestFastifyApplication> {
  const logger = given ?? createLogger({ service, level: settings.logLevel });
  const filter = new ProblemFilter(logger, problems, oauth);
  const registry = new Registry();
  const unparsed = unparsedRequests(registry);
  const adapter = createHttpAdapter({
    bodyLimitBytes: settings.bodyLimitBytes,
    trustedProxies: settings.trustedProxies ?? [],
    shutdownDelayMs: settings.shutdownDelayMs ?? 0,
    drainTimeoutMs,
    receiving,
    logger,
    filter,
    oauth,
    onUnparsed: (status) => unparsed.inc({ status }),
  });
  const root: DynamicModule = { module: class ServiceRoot {}, imports: [MetricsModule.of(registry), module] };
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger: nestLogger(logger),
    abortOnError: false,
    // `createHttpAdapter` decides which bodies are read. Nest would also read forms.
    bodyParser: false,
  });
  app.useGlobalFilters(filter);
  app.useGlobalPipes(new ValidationPipe());
  observeRequests(app.getHttpAdapter().getInstance(), registry);
  openToOrigins(app, settings.corsAllowedOrigins, cookies);
  serveDocumentation(app, { service, version, problems: problems ?? {}, oauth, cookie: cookies?.name });
  return app;
}

function openToOrigins(
  app: NestFastifyApplication,
  origins: readonly string[],
  cookies: HttpAppOptions['cookies'],
): void {
  if (origins.length === 0) return;
  const options = {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'authorization',
      'content-type',
      'idempotency-key',
      requestIdHeader,
      ...(cookies ? [cookies.csrfHeader] : []),
    ],
    exposedHeaders: [requestIdHeader, 'retry-after', 'www-authenticate'],
    maxAge: 600,
  };
  // The plugin would answer every OPTIONS request. One that is not a preflight is for the routes, like any other
  // method.
  app.enableCors({
    delegator: (request, done) => {
      const credentials = cookies !== undefined && origins.includes(request.headers.origin ?? '');
      done(null, { ...options, credentials, preflight: isPreflight(request) });
    },
  });
}

/** Fetch standard, section "CORS-preflight fetch". */
function isPreflight({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

/** Serves the documentation. Swagger's own routes are below Nest's, so the global guard does not see them. */
function serveDocumentation(
  app: NestFastifyApplication,
  options: Parameters<typeof openApiDocument>[1],
): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, reply, done) => {
      if (/^\/docs(\/|$)/.test(request.routeOptions.url ?? ''))
        reply.header('content-security-policy', documentationPolicy);
      done();
    });
  SwaggerModule.setup('docs', app, () => openApiDocument(app, options), {
    jsonDocumentUrl: 'docs/json',
    raw: ['json'],
    customSiteTitle: `${options.service} API`,
  });
}
