/**
 * Puts statements on NATS: live to every subscriber, and as the last message of the TRUST stream for whoever comes
 * later. It publishes only over an older one (compare-and-set on the subject's sequence), so a replica that is late
 * can never put an older statement last.
 */
import { jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { KEYSET_DIRECT_GET, KEYSET_STREAM, KEYSET_SUBJECT, MAX_STATEMENT_BYTES } from '#statements';
import type { IssuedStatement } from '../keys/key-set.service.js';

const TIMEOUT_MS = 2_000;
const ATTEMPTS = 4;

export interface Stored {
  /** Sequence in the stream; 0 if it holds none. */
  readonly sequence: number;
  /** Epoch that what is stored claims; 0 if there is none. */
  readonly epoch: number;
  readonly jws?: string;
}

export class StatementPublisher {
  private readonly client: JetStreamClient;
  private last: Stored | undefined;
  private next: IssuedStatement | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly connection: NatsConnection,
    private readonly log: (message: string) => void,
  ) {
    this.client = jetstream(connection, { timeout: TIMEOUT_MS });
  }

  /** Publishes `statement`, or whichever newer one is offered meanwhile. Never rejects; failures are logged. */
  offer(statement: IssuedStatement): Promise<void> {
    if (!this.next || statement.epoch > this.next.epoch) this.next = statement;
    this.running ??= this.run().finally(() => (this.running = undefined));
    return this.running;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (this.next && failures < ATTEMPTS) {
      const statement = this.next;
      try {
        await this.publish(statement);
        failures = 0;
        if (this.next === statement) this.next = undefined;
      } catch (error) {
        failures += 1;
        this.last = undefined;
        if (failures === ATTEMPTS) {
          // The next re-issue tries again; until then verifiers have HTTP.
          this.log(`epoch ${statement.epoch} could not be stored in NATS: ${(error as Error).message}`);
          this.next = undefined;
        }
      }
    }
  }

  private async publish({ epoch, jws }: IssuedStatement): Promise<void> {
    this.last ??= await this.stored();
    if (this.last.epoch >= epoch) return;
    const ack = await this.client.publish(KEYSET_SUBJECT, jws, {
      expect: { lastSubjectSequence: this.last.sequence },
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
    return { sequence: Number(answer.headers?.get('Nats-Sequence')), epoch: epochOf(jws), jws };
  }
}

/** The epoch that a stored message claims; only we may write there, and verifiers check it for themselves. */
function epochOf(jws: string): number {
  const { epoch } = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as {
    epoch: number;
  };
  return epoch;
}
