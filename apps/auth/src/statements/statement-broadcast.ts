import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { NATS_LINK } from '#service-kit';
import { KeyRing } from '#trust';
import type { NatsLink } from '#trust/nats';
import { ProvenStatement } from '../key-set/proven-statement.js';
import { NewestStatement, type IssuedStatement } from '../key-set/newest-statement.js';
import { AcknowledgementsService } from '../verifiers/acknowledgements.service.js';
import { StatementPublisher } from './statement-publisher.js';

const FIRST_COMPARISON_MS = 1_000;

/**
 * Gives every new statement to the key ring of this process and to NATS. HTTP serves {@link NewestStatement.current}.
 */
@Injectable()
export class StatementBroadcast implements OnModuleInit {
  private readonly log = new Logger('statements');
  private publisher: StatementPublisher | undefined;
  private haveCompared!: () => void;
  /** Resolves when auth has compared its statement with NATS for the first time. This may never happen. */
  readonly compared = new Promise<void>((resolve) => (this.haveCompared = resolve));

  constructor(
    private readonly newest: NewestStatement,
    private readonly proven: ProvenStatement,
    private readonly ring: KeyRing,
    private readonly acknowledgements: AcknowledgementsService,
    @Inject(NATS_LINK) private readonly nats: NatsLink,
  ) {}

  /** Waits up to 1 s for the statement in NATS. With it auth notices a restored database before it signs anything. */
  async onModuleInit(): Promise<void> {
    this.newest.onNewer((statement) => this.spread(statement));
    // It rejects if the process stops before it ever reached NATS.
    this.nats.connection.then((connection) => this.attach(connection)).catch(() => undefined);
    await Promise.race([this.compared, delay(FIRST_COMPARISON_MS)]);
  }

  private async attach(connection: NatsConnection): Promise<void> {
    const publisher = new StatementPublisher(
      connection,
      (jws) => this.proven.take(jws),
      (message) => this.log.warn(message),
    );
    const compare = async () => {
      publisher.forget();
      // If NATS does not answer, the statement copy and the memory of this process are still proofs.
      await publisher.stored().catch(() => undefined);
      this.publisher = publisher;
      if (this.newest.current) void publisher.offer(this.newest.current);
    };
    // It listens before the first comparison, so that it misses no loss of the connection.
    const statuses = connection.status();
    await compare();
    this.haveCompared();
    for await (const { type } of statuses) if (type === 'reconnect') await compare();
  }

  private spread(statement: IssuedStatement): void {
    const refused = this.ring.accept(statement.jws, 'local');
    if (refused)
      this.log.error(
        `the key ring of auth refuses auth's own statement with epoch ${statement.epoch}: ${refused}`,
      );
    else this.acknowledgements.acknowledgeOurselves(this.ring);
    void this.publisher?.offer(statement);
  }
}
