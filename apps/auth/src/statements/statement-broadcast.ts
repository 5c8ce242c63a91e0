import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { NATS_LINK, type NatsLink } from '#service-kit';
import { KeyRing } from '#trust';
import { ProvenStatement } from '../key-set/proven-statement.js';
import { NewestStatement, type IssuedStatement } from '../key-set/newest-statement.js';
import { AcknowledgementsService } from '../verifiers/acknowledgements.service.js';
import { StatementPublisher } from './statement-publisher.js';

const FIRST_COMPARISON_MS = 1_000;

/** Hands every new statement to this process's own key ring and to NATS. HTTP reads {@link NewestStatement.current}. */
@Injectable()
export class StatementBroadcast implements OnModuleInit {
  private readonly log = new Logger('statements');
  private publisher: StatementPublisher | undefined;
  private haveCompared!: () => void;
  /** Resolves when what NATS holds was asked for the first time, which may be never. */
  readonly compared = new Promise<void>((resolve) => (this.haveCompared = resolve));

  constructor(
    private readonly newest: NewestStatement,
    private readonly proven: ProvenStatement,
    private readonly ring: KeyRing,
    private readonly acknowledgements: AcknowledgementsService,
    @Inject(NATS_LINK) private readonly nats: NatsLink,
  ) {}

  /** Waits for the word of NATS, so that nothing is signed from an older database, but does not depend on it. */
  async onModuleInit(): Promise<void> {
    this.newest.onNewer((statement) => this.spread(statement));
    // Closed before NATS was ever reached.
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
      // A failure is not the end: the file and this process's memory are proof too.
      await publisher.stored().catch(() => undefined);
      this.publisher = publisher;
      if (this.newest.current) void publisher.offer(this.newest.current);
    };
    // Before the first comparison, so that no loss of the connection goes unnoticed.
    const statuses = connection.status();
    await compare();
    this.haveCompared();
    for await (const { type } of statuses) if (type === 'reconnect') await compare();
  }

  private spread(statement: IssuedStatement): void {
    const refused = this.ring.accept(statement.jws, 'local');
    if (refused) this.log.error(`our own statement of epoch ${statement.epoch} is refused: ${refused}`);
    else this.acknowledgements.acknowledgeOurselves(this.ring);
    void this.publisher?.offer(statement);
  }
}
