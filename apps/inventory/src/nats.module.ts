import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { connectNats, createLogger, type HttpSettings, type NatsLink, type NatsSettings } from '#service-kit';
import { SERVICE } from './config.js';

/** Injection token of the {@link NatsLink}. */
export const NATS = Symbol('nats');

/** Names this process among the instances of its service; no dots, which separate the tokens of a NATS subject. */
export const instance = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`.replace(
  /[^\w-]/g,
  '-',
);

/** The connection to NATS, drained and closed after all who use it. */
@Module({})
export class NatsModule implements OnApplicationShutdown {
  static with({ natsUrl, natsNkeySeed, logLevel }: NatsSettings & HttpSettings): DynamicModule {
    const link = {
      provide: NATS,
      useFactory: () =>
        connectNats({
          servers: natsUrl,
          nkeySeed: natsNkeySeed,
          name: instance,
          inboxPrefix: `_INBOX_${SERVICE}`,
          logger: createLogger({ service: SERVICE, level: logLevel }),
        }),
    };
    return { module: NatsModule, global: true, providers: [link], exports: [NATS] };
  }

  constructor(@Inject(NATS) private readonly link: NatsLink) {}

  onApplicationShutdown(): Promise<void> {
    return this.link.close();
  }
}
