import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import type { HealthCheck } from './health.js';
import { createLogger } from './logging.js';
import { connectNats, type NatsLink } from './nats.js';
import type { HttpSettings, NatsSettings } from './setting-groups.js';

/** Injection token of the service's {@link NatsLink}. */
export const NATS_LINK = Symbol('nats-link');

/**
 * The name of this process among the instances of its service. It has no dots, because dots separate the parts of a
 * subject.
 */
export const instanceName = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`.replace(
  /[^\w-]/g,
  '-',
);

/** The connection to NATS with the service's own nkey. It is drained and closed after everything that uses it. */
@Module({})
export class NatsModule implements OnApplicationShutdown {
  static forRoot(
    service: string,
    { natsUrl, natsNkeySeed, logLevel }: NatsSettings & Pick<HttpSettings, 'logLevel'>,
  ): DynamicModule {
    const link = {
      provide: NATS_LINK,
      useFactory: () =>
        connectNats({
          servers: natsUrl,
          nkeySeed: natsNkeySeed,
          name: instanceName,
          inboxPrefix: `_INBOX_${service}`,
          logger: createLogger({ service, level: logLevel }),
        }),
    };
    return { module: NatsModule, global: true, providers: [link], exports: [NATS_LINK] };
  }

  constructor(@Inject(NATS_LINK) private readonly link: NatsLink) {}

  onApplicationShutdown(): Promise<void> {
    return this.link.close();
  }
}

/**
 * Degraded while NATS is away: the service still verifies, with the statement it holds or one that it polls over HTTP.
 */
export function natsCheck(nats: NatsLink): HealthCheck {
  return { name: 'nats', check: () => ({ status: nats.state() === 'connected' ? 'up' : 'degraded' }) };
}
