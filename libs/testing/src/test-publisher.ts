import { jetstreamManager } from '@nats-io/jetstream';
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import {
  KEYSET_STREAM,
  KEYSET_SUBJECT,
  REVOCATION_STREAM,
  REVOCATION_SUBJECTS,
  revocationSubject,
} from '#statements';
import type { TestNats } from './test-nats.js';

/** Publishes what a test issuer has signed, in place of auth. */
export interface TestPublisher {
  /** Resolves when the server has stored it. */
  publishStatement(jws: string): Promise<void>;
  /** @param n the number of the revocation */
  publishRevocation(n: number, jws: string): Promise<void>;
  close(): Promise<void>;
}

/** Connects as auth, and makes the streams. */
export async function startTestPublisher(nats: TestNats): Promise<TestPublisher> {
  const connection = await connectTo(nats, 'auth');
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const usual = { allow_direct: true, deny_delete: true, deny_purge: true };
  await manager.streams.add({
    name: KEYSET_STREAM,
    subjects: [KEYSET_SUBJECT],
    max_msgs_per_subject: 1,
    ...usual,
  });
  await manager.streams.add({ name: REVOCATION_STREAM, subjects: [REVOCATION_SUBJECTS], ...usual });
  return {
    publishStatement: async (jws) => void (await connection.request(KEYSET_SUBJECT, jws)),
    publishRevocation: async (n, jws) => void (await connection.request(revocationSubject(n), jws)),
    close: () => connection.close(),
  };
}

/** Connects as a service, with its rights. */
export function connectTo(nats: TestNats, service: string): Promise<NatsConnection> {
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(nats.nkeySeed(service)));
  return connect({ servers: nats.url, authenticator, inboxPrefix: `_INBOX_${service}` });
}
