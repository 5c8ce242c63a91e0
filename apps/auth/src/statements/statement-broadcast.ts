import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { NATS_LINK, type NatsLink } from '#service-kit';
import { KeyRing } from '#trust';
import { KeySetService, type IssuedStatement } from '../keys/key-set.service.js';

import { StatementPublisher } from './statement-publisher.js';

/** Hands every new statement to this process's own key ring and to NATS. HTTP reads {@link KeySetService.current}. */
@Injectable()
export class StatementBroadcast implements OnModuleInit {
  private readonly log = new Logger('statements');
  private publisher: StatementPublisher | undefined;

  constructor(
    private readonly keySet: KeySetService,
    private readonly ring: KeyRing,
    @Inject(NATS_LINK) private readonly nats: NatsLink,
  ) {}

  onModuleInit(): void {
    this.keySet.onStatement((statement) => this.spread(statement));
    this.nats.connection
      .then((connection) => {
        this.publisher = new StatementPublisher(connection, (message) => this.log.warn(message));
        if (this.keySet.current) void this.publisher.offer(this.keySet.current);
      })
      // Closed before NATS was ever reached.
      .catch(() => undefined);
  }

  private spread(statement: IssuedStatement): void {
    const refused = this.ring.accept(statement.jws, 'local');
    if (refused) this.log.error(`our own statement of epoch ${statement.epoch} is refused: ${refused}`);
    void this.publisher?.offer(statement);
  }
}
