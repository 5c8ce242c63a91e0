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
import { NATS_LINK, securityEvent, type NatsLink } from '#service-kit';
import { KeyRing, onlyChanges, shareRuns } from '#trust';
import { RevocationPublisher, type RevocationStream } from './revocation-publisher.js';
import type { RevocationRecord } from './revocation.entity.js';
import { RevocationsService } from './revocations.service.js';

const ROUND_MS = 1_000;
const BATCH = 500;

/**
 * Makes revocations known: to this process's own view at once, and to NATS until it has stored them. Each row says in
 * which stream it is stored, so that what was lost with the stream, or never arrived there, is published by whichever
 * replica comes first.
 */
@Injectable()
export class RevocationOutbox implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('revocations');
  private timer: NodeJS.Timeout | undefined;
  private publisher: RevocationPublisher | undefined;
  /** Unknown at first, and after whatever may have changed it. */
  private stream: RevocationStream | undefined;
  /** How often the connection was lost. What NATS said before a loss is not sure to be so after it. */
  private losses = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly revocations: RevocationsService,
    private readonly ring: KeyRing,
    @Inject(NATS_LINK) private readonly nats: NatsLink,
  ) {}

  onModuleInit(): void {
    this.revocations.onCommitted((revoked) => this.announce(revoked));
    // Closed before NATS was ever reached.
    this.nats.connection.then((connection) => this.attach(connection)).catch(() => undefined);
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.run(), ROUND_MS);
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.run.settled();
  }

  private async announce(revoked: readonly RevocationRecord[]): Promise<void> {
    for (const { jws } of revoked) this.ring.revocations.add(jws);
    if (this.nats.state() !== 'connected') return;
    await this.run();
  }

  private async attach(connection: NatsConnection): Promise<void> {
    this.publisher = new RevocationPublisher(connection);
    // Before the first round, so that no loss of the connection goes unnoticed.
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
   * One round, one at a time. Each caller gets a round that began after its call, so it sees what the caller committed.
   * Never rejects: the next round tries again.
   */
  private readonly run = shareRuns(() =>
    this.round().then(
      () => this.report(undefined),
      (error: Error) => this.report(error.message),
    ),
  );

  private async round(): Promise<void> {
    await this.fillOwnView();
    await this.forget();
    if (this.publisher && this.nats.state() === 'connected') await this.publish(this.publisher);
  }

  /** What other replicas revoked, as the last statement told. */
  private async fillOwnView(): Promise<void> {
    const missing = this.ring.revocations.missing(BATCH);
    if (missing.length === 0) return;
    const rows = await this.dataSource.query<{ jws: string }[]>(
      'SELECT jws FROM revocation WHERE n = ANY($1)',
      [missing],
    );
    for (const { jws } of rows) this.ring.revocations.add(jws);
  }

  /** What no statement speaks of any more. */
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
      if (this.losses !== losses) throw new Error('the connection to NATS was lost meanwhile');
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
        const stored = await Promise.all(
          rows.map(async ({ n, jws }) => ({ n, sequence: await publisher.publish(n, jws) })),
        );
        assertKept();
        await this.dataSource.query(
          `UPDATE revocation SET stream = $1, sequence = stored.sequence
             FROM jsonb_to_recordset($2::jsonb) AS stored(n bigint, sequence bigint)
            WHERE revocation.n = stored.n AND revocation.stream IS DISTINCT FROM $1`,
          [id, JSON.stringify(stored)],
        );
      }
    } catch (error) {
      this.stream = undefined;
      throw error;
    }
  }

  /** Opens the stream and takes note of what it has lost: all, if it was made anew, or the end, in a crash. */
  private async openStream(publisher: RevocationPublisher): Promise<RevocationStream> {
    const stream = await publisher.stream();
    // One whose sequence is not known may be lost as well. To publish it again does no harm if it is not.
    await this.dataSource.query(
      'UPDATE revocation SET stream = NULL WHERE stream = $1 AND (sequence > $2 OR sequence IS NULL)',
      [stream.id, stream.lastSequence],
    );
    return stream;
  }

  private readonly report = onlyChanges<string>((fault) => {
    if (fault) this.log.warn(`revocations cannot be made known for now: ${fault}`);
    else securityEvent('revocations.published_again', {});
  });
}
