/**
 * Publishes revocations on NATS. Each subscriber gets them at once. A stream keeps them for verifiers that missed one.
 */
import { JetStreamApiError, jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { MAX_REVOCATION_BYTES, REVOCATION_STREAM, REVOCATION_SUBJECTS, revocationSubject } from '#statements';
import { LONGEST_TOKEN_SECONDS } from '../config.js';

const TIMEOUT_MS = 2_000;
const MINUTE_MS = 60_000;
/** The two error codes of NATS servers, old and new, for "wrong last sequence": the revocation is already stored. */
const ALREADY_THERE = [10_071, 10_164];

/** One incarnation of the stream. If NATS loses its storage, auth makes another one. */
export interface RevocationStream {
  readonly id: string;
  /** The sequence of its last message. */
  readonly lastSequence: number;
}

export class RevocationPublisher {
  private readonly client: JetStreamClient;

  constructor(private readonly connection: NatsConnection) {
    this.client = jetstream(connection, { timeout: TIMEOUT_MS });
  }

  /** Opens the stream. Makes it first if it does not exist. */
  async stream(): Promise<RevocationStream> {
    const manager = await jetstreamManager(this.connection, { checkAPI: false, timeout: TIMEOUT_MS });
    const { created, state } = await manager.streams.add({
      name: REVOCATION_STREAM,
      subjects: [REVOCATION_SUBJECTS],
      // It does not depend on settings: NATS refuses to add an existing stream with other options.
      max_age: nanos(LONGEST_TOKEN_SECONDS * 1000 + MINUTE_MS),
      // Room for the message and its headers.
      max_msg_size: MAX_REVOCATION_BYTES + 1024,
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
    });
    return { id: String(created), lastSequence: state.last_seq };
  }

  /** Stores a revocation. Returns its sequence, or null if it was already stored. */
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
