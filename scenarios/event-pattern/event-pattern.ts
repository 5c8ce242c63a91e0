import { Inject, Injectable, Logger, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { NATS_LINK } from '#service-kit';
import type { NatsLink } from '#trust/nats';

/** A method of a provider with `@EventPattern('audit.orders.>')` gets the JSON of each message on this subject. */
export const EventPattern = DiscoveryService.createDecorator<string>();
type Handler = (event: unknown) => unknown;

@Injectable()
class EventHandlers implements OnApplicationBootstrap {
  private readonly logger = new Logger('Events');
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    @Inject(NATS_LINK) private readonly nats: NatsLink,
  ) {}

  onApplicationBootstrap(): void {
    for (const wrapper of this.discovery
      .getProviders()
      .filter(({ instance }) => Object(instance) === instance)) {
      const instance = wrapper.instance as Record<string, Handler>;
      for (const name of this.scanner.getAllMethodNames(Object.getPrototypeOf(instance) as object)) {
        const subject = this.discovery.getMetadataByDecorator(EventPattern, wrapper, name);
        if (subject !== undefined) this.subscribe(subject, (event) => instance[name]!(event));
      }
    }
  }

  /** NATS keeps the subscription over reconnects. The service starts also while NATS is away. */
  private subscribe(subject: string, handler: Handler): void {
    const failed = (error: unknown) => this.logger.error(error, `the handler of ${subject} failed`);
    const listen = async () => {
      for await (const message of (await this.nats.connection).subscribe(subject))
        await Promise.resolve(message)
          .then((received) => handler(received.json()))
          .catch(failed);
    };
    listen().catch(failed);
  }
}

@Module({ imports: [DiscoveryModule], providers: [EventHandlers] })
export class EventPatternModule {}
