/**
 * Puts statements on NATS: live to every subscriber, and as the last message of the TRUST stream for whoever comes
 * later. It publishes only over an older one (compare-and-set on the subject's sequence), so a replica that is late
 * can never put an older statement last.
 */
import { jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { KEYSET_DIRECT_GET, KEYSET_STREAM, KEYSET_SUBJECT, MAX_STATEMENT_BYTES } from '#statements';
import { shareRuns } from '#trust';
import type { IssuedStatement } from '../key-set/newest-statement.js';

const TIMEOUT_MS = 2_000;
const ATTEMPTS = 4;

export interface Stored {
  /** Sequence in the stream; 0 if it holds none. */
  readonly sequence: number;
  /** Epoch of what is stored; 0 if there is none, or none of ours. */
  readonly epoch: number;
  readonly jws?: string;
}

export class StatementPublisher {
  private readonly client: JetStreamClient;
  private last: Stored | undefined;
  private next: IssuedStatement | undefined;

  /** @param epochOf the epoch of a statement of ours; undefined for what is not ours, and may be replaced */
  constructor(
    private readonly connection: NatsConnection,
    private readonly epochOf: (jws: string) => number | undefined,
    private readonly log: (message: string) => void,
  ) {
    this.client = jetstream(connection, { timeout: TIMEOUT_MS });
  }

  /** Publishes `statement`, or whichever newer one is offered meanwhile. Never rejects; failures are logged. */
  offer(statement: IssuedStatement): Promise<void> {
    if (!this.next || statement.epoch > this.next.epoch) this.next = statement;
    return this.publishNext();
  }

  /** Tries the newest statement each time. Only a statement that itself failed four times is given up. */
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
        // A newer statement may come before the fourth failure of each, so failures are told in a row.
        if (failuresInARow % ATTEMPTS === 0)
          this.log(`epoch ${tried.epoch} could not be stored in NATS: ${(error as Error).message}`);
        // The next re-issue tries again; until then verifiers have HTTP.
        if (failures < ATTEMPTS) continue;
      }
      // A newer one that was offered meanwhile has its own attempts.
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

  /** What the stream holds; makes the stream first if it is not there, as after a wipe of NATS' storage. */
  async stored(): Promise<Stored> {
    const manager = await jetstreamManager(this.connection, { checkAPI: false, timeout: TIMEOUT_MS });
    await manager.streams.add({
      name: KEYSET_STREAM,
      subjects: [KEYSET_SUBJECT],
      max_msgs_per_subject: 1,
      // The message and its headers.
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

  /** After a reconnection: the server may have lost its storage, and counts anew. */
  forget(): void {
    this.last = undefined;
  }
}
