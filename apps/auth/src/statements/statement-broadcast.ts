import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { NATS_LINK, type NatsLink } from '#service-kit';
import { KeyRing } from '#trust';
import { EpochWitness } from '../keys/epoch-witness.js';
import { KeySetService, type IssuedStatement } from '../keys/key-set.service.js';

import { AcknowledgementsService } from '../rotation/acknowledgements.service.js';
import { StatementPublisher } from './statement-publisher.js';

/** Hands every new statement to this process's own key ring and to NATS. HTTP reads {@link KeySetService.current}. */
@Injectable()
export class StatementBroadcast implements OnModuleInit {
  private readonly log = new Logger('statements');
  private publisher: StatementPublisher | undefined;

  constructor(
    private readonly keySet: KeySetService,
    private readonly witness: EpochWitness,
    private readonly ring: KeyRing,
    private readonly acknowledgements: AcknowledgementsService,
    @Inject(NATS_LINK) private readonly nats: NatsLink,
  ) {}

  onModuleInit(): void {
    this.keySet.onStatement((statement) => this.spread(statement));
    // Closed before NATS was ever reached.
    this.nats.connection.then((connection) => this.attach(connection)).catch(() => undefined);
  }

  private async attach(connection: NatsConnection): Promise<void> {
    const publisher = new StatementPublisher(connection, (message) => this.log.warn(message));
    const compare = async () => {
      // A failure is not the end: the file and this process's memory bear witness too.
      const stored = await publisher.stored().catch(() => undefined);
      if (stored?.jws) this.witness.hear(stored.jws);
      this.publisher = publisher;
      if (this.keySet.current) void publisher.offer(this.keySet.current);
    };
    await compare();
    for await (const { type } of connection.status()) if (type === 'reconnect') await compare();
  }

  private spread(statement: IssuedStatement): void {
    const refused = this.ring.accept(statement.jws, 'local');
    if (refused) this.log.error(`our own statement of epoch ${statement.epoch} is refused: ${refused}`);
    else this.acknowledgements.acknowledgeOurselves();
    void this.publisher?.offer(statement);
  }
}
