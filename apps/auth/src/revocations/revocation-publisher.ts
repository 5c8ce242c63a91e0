/** Puts revocations on NATS: live to every subscriber, and into a stream for whoever missed one. */
import { JetStreamApiError, jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { MAX_REVOCATION_BYTES, REVOCATION_STREAM, REVOCATION_SUBJECTS, revocationSubject } from '#statements';
import { LONGEST_TOKEN_SECONDS } from '../config.js';

const TIMEOUT_MS = 2_000;
const MINUTE_MS = 60_000;
/** "Wrong last sequence", in the two ways in which servers of different age say so. */
const ALREADY_THERE = [10_071, 10_164];

/** One making of the stream: after a wipe of NATS' storage it is another. */
export interface RevocationStream {
  readonly id: string;
  /** Of what it holds. */
  readonly lastSequence: number;
}

export class RevocationPublisher {
  private readonly client: JetStreamClient;

  constructor(private readonly connection: NatsConnection) {
    this.client = jetstream(connection, { timeout: TIMEOUT_MS });
  }

  /** The stream, which is made if it is not there. */
  async stream(): Promise<RevocationStream> {
    const manager = await jetstreamManager(this.connection, { checkAPI: false, timeout: TIMEOUT_MS });
    const { created, state } = await manager.streams.add({
      name: REVOCATION_STREAM,
      subjects: [REVOCATION_SUBJECTS],
      // The same whatever the settings: a stream that is there under other terms could not be made.
      max_age: nanos(LONGEST_TOKEN_SECONDS * 1000 + MINUTE_MS),
      // The message and its headers.
      max_msg_size: MAX_REVOCATION_BYTES + 1024,
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
    });
    return { id: String(created), lastSequence: state.last_seq };
  }

  /** Stores a revocation unless it is there. Returns its sequence, or null if it was there. */
  async publish(n: number, jws: string): Promise<number | null> {
    try {
      const { seq } = await this.client.publish(revocationSubject(n), jws, {
        expect: { lastSubjectSequence: 0 },
        timeout: TIMEOUT_MS,
      });
      return seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && ALREADY_THERE.includes(error.code)) return null;
      throw error;
    }
  }
}
