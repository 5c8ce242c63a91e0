/**
 * Publishes statements on NATS. Each subscriber gets them at once. The stream TRUST keeps the last one for verifiers
 * that connect later. A statement replaces only an older one (compare-and-set on the sequence of the subject). So a
 * late replica never makes an older statement the last one.
 */
import { jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { KEYSET_DIRECT_GET, KEYSET_STREAM, KEYSET_SUBJECT, MAX_STATEMENT_BYTES } from '#statements';
import { shareRuns } from '#trust';
import type { IssuedStatement } from '../key-set/newest-statement.js';

const TIMEOUT_MS = 2_000;
const ATTEMPTS = 4;

export interface Stored {
  /** Its sequence in the stream. 0 if the stream holds no statement. */
  readonly sequence: number;
  /** Its epoch. 0 if the stream holds no statement of this issuer. */
  readonly epoch: number;
  readonly jws?: string;
}

export class StatementPublisher {
  private readonly client: JetStreamClient;
  private last: Stored | undefined;
  private next: IssuedStatement | undefined;

  /**
   * @param epochOf returns the epoch of a statement of this issuer, and undefined for any other text, which is replaced
   */
  constructor(
    private readonly connection: NatsConnection,
    private readonly epochOf: (jws: string) => number | undefined,
    private readonly log: (message: string) => void,
  ) {
    this.client = jetstream(connection, { timeout: TIMEOUT_MS });
  }

  /** Publishes the statement, or a newer one that is offered meanwhile. Never rejects. Failures are logged. */
  offer(statement: IssuedStatement): Promise<void> {
    if (!this.next || statement.epoch > this.next.epoch) this.next = statement;
    return this.publishNext();
  }

  /** Each attempt takes the newest statement. A statement is given up after four failed attempts of its own. */
  private readonly publishNext = shareRuns(async () => {
    let tried: IssuedStatement | undefined;
    let [failures, failuresInARow] = [0, 0];
    while (this.next) {
      if (this.next !== tried) [tried, failures] = [this.next, 0];
      try {
        await this.publish(tried);
        failuresInARow = 0;
      } catch (error) {
        this.last = undefined;
        failures += 1;
        failuresInARow += 1;
        // Newer statements may come so fast that none fails four times. So every fourth failure in a row is logged.
        if (failuresInARow % ATTEMPTS === 0)
          this.log(
            `the statement with epoch ${tried.epoch} could not be stored in NATS: ${(error as Error).message}`,
          );
        // The next statement tries again. Until then verifiers fetch over HTTP.
        if (failures < ATTEMPTS) continue;
      }
      // If a newer statement was offered meanwhile, it has its own attempts.
      if (this.next === tried) this.next = undefined;
    }
  });

  private async publish({ epoch, jws }: IssuedStatement): Promise<void> {
    const last = (this.last ??= await this.stored());
    if (last.epoch >= epoch) return;
    const ack = await this.client.publish(KEYSET_SUBJECT, jws, {
      expect: { lastSubjectSequence: last.sequence },
      timeout: TIMEOUT_MS,
    });
    this.last = { sequence: ack.seq, epoch };
  }

  /** Reads the last statement of the stream. Makes the stream if it does not exist: NATS may have lost its storage. */
  async stored(): Promise<Stored> {
    const manager = await jetstreamManager(this.connection, { checkAPI: false, timeout: TIMEOUT_MS });
    await manager.streams.add({
      name: KEYSET_STREAM,
      subjects: [KEYSET_SUBJECT],
      max_msgs_per_subject: 1,
      // Room for the message and its headers.
      max_msg_size: MAX_STATEMENT_BYTES + 4 * 1024,
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
    });
    const answer = await this.connection.request(KEYSET_DIRECT_GET, '', { timeout: TIMEOUT_MS });
    if (answer.headers?.code) return { sequence: 0, epoch: 0 };
    const jws = answer.string();
    const sequence = Number(answer.headers?.get('Nats-Sequence'));
    return { sequence, epoch: this.epochOf(jws) ?? 0, jws };
  }

  /** Forgets what the stream holds. Call it after a reconnection: NATS may have lost its storage. */
  forget(): void {
    this.last = undefined;
  }
}
