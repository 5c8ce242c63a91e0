/**
 * Health: is the process alive, and can it be sent requests?
 *
 * Live says only that the event loop runs. Ready asks every check. A check that is `down` makes the service not ready.
 * A check that is `degraded` is shown, and the service stays ready.
 */
import type {
  BeforeApplicationShutdown,
  DynamicModule,
  FactoryProvider,
  ModuleMetadata,
  OnModuleDestroy,
} from '@nestjs/common';
import { Controller, Get, Injectable, Module, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Public } from '#trust/nest';

type HealthStatus = 'up' | 'degraded' | 'down';

/** The result of one check. Anybody who asks can read everything beside `status`. */
interface HealthResult {
  readonly status: HealthStatus;
  readonly [publicFact: string]: unknown;
}

/**
 * One check for readiness. If it throws or takes longer than `timeoutMs` (default 1000), its result is down. It does
 * not begin again before it has ended.
 */
export interface HealthCheck {
  readonly name: string;
  readonly timeoutMs?: number;
  check(): HealthResult | Promise<HealthResult>;
}

/** What `GET /health/ready` answers. */
export interface HealthReport {
  readonly status: 'ready' | 'degraded' | 'not_ready';
  readonly checks: Readonly<Record<string, HealthResult>>;
}

interface HealthOptions extends Pick<FactoryProvider, 'inject'>, Pick<ModuleMetadata, 'imports'> {
  /** The checks, or a function that makes them from what `inject` names. */
  // Nest passes what `inject` lists, so the parameters cannot have types here.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly checks: readonly HealthCheck[] | ((...injected: any[]) => readonly HealthCheck[]);
}

const HEALTH_CHECKS = Symbol('health checks');

type Results = readonly (readonly [name: string, result: HealthResult])[];

const sharedForMs = 1000;

/**
 * Asks all checks at once. Not ready as soon as the shutdown begins. The route is public, so requests share results:
 * one that arrives while the checks run, or within 1 s after, gets the same results. So the checks run once a second at
 * most.
 */
@Injectable()
export class HealthService implements OnModuleDestroy, BeforeApplicationShutdown {
  private stopping = false;
  private round: Promise<Results> | undefined;
  private sharedUntil = 0;
  private readonly running = new Map<HealthCheck, Promise<HealthResult>>();

  /** @param now milliseconds of a clock that never goes back */
  constructor(
    private readonly checks: readonly HealthCheck[],
    private readonly now: () => number = () => performance.now(),
  ) {}

  async report(): Promise<HealthReport> {
    const results = await this.results();
    const statuses = results.map(([, { status }]) => status);
    const checks = Object.fromEntries(results);
    if (this.stopping || statuses.includes('down')) return { status: 'not_ready', checks };
    return { status: statuses.includes('degraded') ? 'degraded' : 'ready', checks };
  }

  onModuleDestroy(): void {
    this.stopping = true;
  }

  beforeApplicationShutdown(): void {
    this.stopping = true;
  }

  private results(): Promise<Results> {
    if (this.round === undefined || this.now() >= this.sharedUntil) {
      this.sharedUntil = Infinity;
      this.round = Promise.all(
        this.checks.map(async (check) => [check.name, await this.resultOf(check)] as const),
      ).finally(() => (this.sharedUntil = this.now() + sharedForMs));
    }
    return this.round;
  }

  private async resultOf(check: HealthCheck): Promise<HealthResult> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<HealthResult>((resolve) => {
      timer = setTimeout(resolve, check.timeoutMs ?? 1000, { status: 'down', reason: 'timeout' });
    });
    try {
      return await Promise.race([this.run(check), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Never rejects, and gives no reason: a message may contain an internal address or name. */
  private run(check: HealthCheck): Promise<HealthResult> {
    const running = this.running.get(check);
    if (running !== undefined) return running;
    const begun = (async () => check.check())()
      .catch((): HealthResult => ({ status: 'down' }))
      .finally(() => this.running.delete(check));
    this.running.set(check, begun);
    return begun;
  }
}

const liveAnswer = z.strictObject({ status: z.literal('live') });
const readyAnswer = z.strictObject({
  status: z.enum(['ready', 'degraded', 'not_ready']),
  // Each check has its own members beside `status`.
  checks: z.record(z.string(), z.looseObject({ status: z.enum(['up', 'degraded', 'down']) })),
});

@Public()
@ApiTags('health')
@Controller('health')
class HealthController {
  constructor(private readonly health: HealthService) {}

  @Get('live')
  @ApiOperation({ summary: 'Whether the process is alive' })
  @ApiOkResponse({ standardSchema: liveAnswer })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Whether the service is ready for requests: 200 if it is, 503 if not' })
  @ApiOkResponse({ standardSchema: readyAnswer })
  @ApiResponse({ status: 503, standardSchema: readyAnswer })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthReport> {
    const report = await this.health.report();
    reply.status(report.status === 'not_ready' ? 503 : 200);
    return report;
  }
}

/** `GET /health/live` and `GET /health/ready`, open to all. */
@Module({})
export class HealthModule {
  static forRoot({ checks, inject = [], imports = [] }: HealthOptions): DynamicModule {
    const useFactory = typeof checks === 'function' ? checks : () => checks;
    return {
      module: HealthModule,
      imports,
      controllers: [HealthController],
      providers: [
        { provide: HEALTH_CHECKS, useFactory, inject },
        {
          provide: HealthService,
          useFactory: (all: readonly HealthCheck[]) => new HealthService(all),
          inject: [HEALTH_CHECKS],
        },
      ],
      exports: [HealthService],
    };
  }
}
