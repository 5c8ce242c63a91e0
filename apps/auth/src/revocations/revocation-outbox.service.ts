import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { DataSource } from 'typeorm';
import { NATS_LINK, securityEvent } from '#service-kit';
import { inSlices, KeyRing, onlyChanges, shareRuns } from '#trust';
import type { NatsLink } from '#trust/nats';
import { RevocationPublisher, type RevocationStream } from './revocation-publisher.js';
import type { RevocationRecord } from './revocation.entity.js';
import { RevocationsService } from './revocations.service.js';

const ROUND_MS = 1_000;
const BATCH = 500;

interface Stored {
  readonly n: number;
  /** Null if it was stored before. */
  readonly sequence: number | null;
}

/**
 * Publishes revocations. The revocation view of this process gets them at once. NATS gets them until it has stored
 * them. Each row names the incarnation of the stream that stores it. So if the stream loses a revocation, or never gets
 * it, any replica publishes it again.
 */
@Injectable()
export class RevocationOutbox implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('revocations');
  private timer: NodeJS.Timeout | undefined;
  private publisher: RevocationPublisher | undefined;
  /** The present incarnation of the stream. Undefined if it is unknown: at first, after a lost connection, or a fault. */
  private stream: RevocationStream | undefined;
  /** How often the connection was lost. After a loss, earlier answers of NATS may be wrong. */
  private losses = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly revocations: RevocationsService,
    private readonly ring: KeyRing,
    @Inject(NATS_LINK) private readonly nats: NatsLink,
  ) {}

  onModuleInit(): void {
    this.revocations.onCommitted((revoked) => this.announce(revoked));
    // It rejects if the process stops before it ever reached NATS.
    this.nats.connection.then((connection) => this.attach(connection)).catch(() => undefined);
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      void this.run();
      void this.fill();
    }, ROUND_MS);
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await Promise.all([this.run.settled(), this.fill.settled()]);
  }

  private async announce(revoked: readonly RevocationRecord[]): Promise<void> {
    for (const { jws } of revoked) this.ring.revocations.add(jws);
    if (this.nats.state() !== 'connected') return;
    if (!(await this.publishNow(revoked))) await this.run();
  }

  /**
   * Publishes new revocations beside the rounds, because every moment in which verifiers do not know them counts.
   * Returns whether NATS has stored them. A row that is not marked afterwards is published again by the next round.
   */
  private async publishNow(revoked: readonly RevocationRecord[]): Promise<boolean> {
    const { publisher, stream, losses } = this;
    if (!publisher || !stream) return false;
    try {
      const stored = await storeAll(publisher, revoked);
      if (this.losses !== losses) return false;
      void this.mark(stream, stored).catch(() => undefined);
      return true;
    } catch {
      return false;
    }
  }

  private async attach(connection: NatsConnection): Promise<void> {
    this.publisher = new RevocationPublisher(connection);
    // It listens before the first round, so that it misses no loss of the connection.
    const statuses = connection.status();
    await this.run();
    for await (const { type } of statuses) {
      if (type === 'disconnect') this.forgetStream();
      if (type === 'reconnect') await this.run();
    }
  }

  private forgetStream(): void {
    this.stream = undefined;
    this.losses += 1;
  }

  /**
   * Runs one round. Two rounds never run at the same time. Each caller gets a round that begins after its call, so the
   * round sees what the caller committed. Never rejects: the next round tries again.
   */
  private readonly run = shareRuns(() =>
    this.round().then(
      () => this.report(undefined),
      (error: Error) => this.report(error.message),
    ),
  );

  private async round(): Promise<void> {
    await this.forget();
    if (this.publisher && this.nats.state() === 'connected') await this.publish(this.publisher);
  }

  /**
   * Adds the revocations that the last statement counts and this process lacks: those of other replicas, and after a
   * start all. It does not wait for NATS, and no revocation waits for it.
   */
  private readonly fill = shareRuns(() =>
    this.fillOwnView().then(
      () => this.reportFill(undefined),
      (error: Error) => this.reportFill(error.message),
    ),
  );

  private async fillOwnView(): Promise<void> {
    const missing = this.ring.revocations.missing();
    for (let i = 0; i < missing.length && this.timer; i += BATCH) {
      const rows = await this.dataSource.query<{ jws: string }[]>(
        'SELECT jws FROM revocation WHERE n = ANY($1)',
        [missing.slice(i, i + BATCH)],
      );
      await inSlices(rows, ({ jws }) => this.ring.revocations.add(jws));
    }
  }

  /** Deletes the revocations that no longer matter: no statement counts them. */
  private async forget(): Promise<void> {
    await this.dataSource.query(
      `DELETE FROM revocation WHERE n < coalesce(
         (SELECT min(n) FROM revocation WHERE expires_at > clock_timestamp()),
         (SELECT last + 1 FROM revocation_counter))`,
    );
  }

  private async publish(publisher: RevocationPublisher): Promise<void> {
    const { losses } = this;
    const assertKept = () => {
      if (this.losses !== losses) throw new Error('the connection to NATS was lost during the round');
    };
    try {
      const stream = this.stream ?? (await this.openStream(publisher));
      assertKept();
      this.stream = stream;
      const { id } = stream;
      for (;;) {
        const rows = await this.dataSource.query<{ n: number; jws: string }[]>(
          'SELECT n::float8 AS n, jws FROM revocation WHERE stream IS DISTINCT FROM $1 ORDER BY n LIMIT $2',
          [id, BATCH],
        );
        if (rows.length === 0) return;
        const stored = await storeAll(publisher, rows);
        assertKept();
        await this.mark(stream, stored);
      }
    } catch (error) {
      this.stream = undefined;
      throw error;
    }
  }

  /** Notes which incarnation of the stream stores these revocations. */
  private async mark({ id }: RevocationStream, stored: readonly Stored[]): Promise<void> {
    await this.dataSource.query(
      `UPDATE revocation SET stream = $1, sequence = stored.sequence
         FROM jsonb_to_recordset($2::jsonb) AS stored(n bigint, sequence bigint)
        WHERE revocation.n = stored.n AND revocation.stream IS DISTINCT FROM $1`,
      [id, JSON.stringify(stored)],
    );
  }

  /** Opens the stream, and marks the revocations that it has lost. After a crash the last ones may be lost. */
  private async openStream(publisher: RevocationPublisher): Promise<RevocationStream> {
    const stream = await publisher.stream();
    // A revocation with an unknown sequence may be lost, too. It does no harm to publish it twice.
    await this.dataSource.query(
      'UPDATE revocation SET stream = NULL WHERE stream = $1 AND (sequence > $2 OR sequence IS NULL)',
      [stream.id, stream.lastSequence],
    );
    return stream;
  }

  private readonly reportFill = onlyChanges<string>((fault) => {
    if (fault) this.log.warn(`this process lacks revocations and cannot read them now: ${fault}`);
  });

  private readonly report = onlyChanges<string>((fault) => {
    if (fault) this.log.warn(`revocations cannot be published now: ${fault}`);
    else securityEvent('revocations.published_again', {});
  });
}

function storeAll(
  publisher: RevocationPublisher,
  rows: readonly { readonly n: number; readonly jws: string }[],
): Promise<Stored[]> {
  return Promise.all(rows.map(async ({ n, jws }) => ({ n, sequence: await publisher.publish(n, jws) })));
}
