import type { DynamicModule } from '@nestjs/common';
import { Controller, Get, Global, Module, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { Public } from '#trust/nest';

/** `GET /metrics` in the text format of Prometheus. */
@Public()
@ApiExcludeController()
@Controller('metrics')
class MetricsController {
  constructor(private readonly registry: Registry) {}

  @Get()
  async scrape(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    reply.type(this.registry.contentType);
    return this.registry.metrics();
  }
}

/**
 * Provides the `Registry` to the whole app. Each app has one of its own, because several apps may run in one process.
 * Register a metric with `registers: [registry]`.
 */
@Global()
@Module({})
export class MetricsModule {
  static of(registry: Registry): DynamicModule {
    collectDefaultMetrics({ register: registry });
    return {
      module: MetricsModule,
      controllers: [MetricsController],
      providers: [{ provide: Registry, useValue: registry }],
      exports: [Registry],
    };
  }
}

/**
 * Makes the counter of bytes that arrived and were not a request, by the status of the answer. Nothing else is known of
 * them.
 */
export function unparsedRequests(registry: Registry): Counter<'status'> {
  return new Counter({
    name: 'http_unparsed_requests_total',
    help: 'Answers to bytes that could not be parsed as a request, or whose header section came too late.',
    labelNames: ['status'],
    registers: [registry],
  });
}

/**
 * Measures the time of every request, by method, route pattern and status. All requests to no route share one label.
 */
export function observeRequests(server: FastifyInstance, registry: Registry): void {
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    done();
  });
}
