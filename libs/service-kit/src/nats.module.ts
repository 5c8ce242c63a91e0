import { Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { connectNats, type NatsChange, type NatsLink } from '#trust/nats';
import type { HealthCheck } from './health.js';
import { createLogger, type Logger } from './logging.js';
import { eventLine } from './security-events.js';
import type { HttpSettings, NatsSettings } from './setting-groups.js';

/** Injection token of the service's {@link NatsLink}. */
export const NATS_LINK = Symbol('nats-link');

/** The connection to NATS with the service's own nkey. It is drained and closed after everything that uses it. */
@Module({})
export class NatsModule implements OnApplicationShutdown {
  static forRoot(
    service: string,
    { natsUrl, natsNkeySeed, logLevel }: NatsSettings & Pick<HttpSettings, 'logLevel'>,
  ): DynamicModule {
    const log = natsLog(createLogger({ service, level: logLevel }));
    const link = {
      provide: NATS_LINK,
      useFactory: () => connectNats({ servers: natsUrl, nkeySeed: natsNkeySeed, service, log }),
    };
    return { module: NatsModule, global: true, providers: [link], exports: [NATS_LINK] };
  }

  constructor(@Inject(NATS_LINK) private readonly link: NatsLink) {}

  onApplicationShutdown(): Promise<void> {
    return this.link.close();
  }
}

/** Logs the changes of the connection. Those that are security events are lines of {@link eventLine}. */
function natsLog(logger: Pick<Logger, 'info' | 'warn'>) {
  return (change: NatsChange): void => {
    const { event, message } = change;
    if (event === undefined) logger.warn({}, message);
    else if (event === 'nats.connected') logger.info(eventLine(event, { server: change.server }), message);
    else if (event === 'nats.restored') logger.info(eventLine(event, {}), message);
    else logger.warn(eventLine(event, {}), message);
  };
}

/**
 * Degraded while NATS is away: the service still verifies, with the statement it holds or one that it polls over HTTP.
 */
export function natsCheck(nats: NatsLink): HealthCheck {
  return { name: 'nats', check: () => ({ status: nats.state() === 'connected' ? 'up' : 'degraded' }) };
}
