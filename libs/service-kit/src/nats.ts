import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { nkeyAuthenticator } from '@nats-io/transport-node';
import type { Logger } from './logging.js';
import { connect } from './nats-transport.js';
import { eventLine } from './security-events.js';

/** The address of NATS, and the login of the service. */
export interface NatsOptions {
  readonly servers: string | string[];
  readonly nkeySeed: string;
  /** Shown in the server's monitoring. */
  readonly name: string;
  /**
   * The prefix of the subjects for replies, for example `_INBOX_orders`. Each account may subscribe only to its own.
   */
  readonly inboxPrefix: string;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

type NatsState = 'connecting' | 'connected' | 'disconnected' | 'closed';

/** A connection that may not exist yet. */
export interface NatsLink {
  /** Resolves with the first connection, which then reconnects by itself. Rejects only if closed before. */
  readonly connection: Promise<NatsConnection>;
  /** Whether the first attempt to connect succeeded. Resolves when it has ended, after 3 s for each address at most. */
  readonly firstAttempt: Promise<boolean>;
  readonly state: () => NatsState;
  /**
   * Drains and closes within about 2 s; if an attempt to connect is under way, when that has failed (3 s for each address).
   * Can be called several times.
   */
  readonly close: () => Promise<void>;
}

const isTls = (servers: string | string[]): boolean => [servers].flat().some((url) => url.startsWith('tls:'));

const retryEveryMs = 500;
const drainTimeoutMs = 2000;

/**
 * Connects in the background and never gives up: a service starts without NATS, and tries again after a refused nkey or
 * with a dead server. It notices within 15 s that a server does not answer any more. Each change is logged once.
 */
export function connectNats({ logger, nkeySeed, ...options }: NatsOptions): NatsLink {
  const stopped = new AbortController();
  let state: NatsState = 'connecting';
  let endFirstAttempt!: (succeeded: boolean) => void;
  const firstAttempt = new Promise<boolean>((resolve) => (endFirstAttempt = resolve));

  const attempt = () =>
    connect({
      ...options,
      // Without this, the client would also accept a server that offers no TLS.
      ...(isTls(options.servers) && { tls: {} }),
      authenticator: nkeyAuthenticator(new TextEncoder().encode(nkeySeed)),
      timeout: 3000,
      pingInterval: 5000,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      reconnectTimeWait: retryEveryMs,
      ignoreAuthErrorAbort: true,
      // Otherwise each request makes two errors with their stacks, in case that it fails.
      noAsyncTraces: true,
    });

  const firstConnection = async (): Promise<NatsConnection> => {
    let told: string | undefined;
    while (!stopped.signal.aborted) {
      try {
        return await attempt();
      } catch (error) {
        const problem = (error as Error).message;
        endFirstAttempt(false);
        if (problem !== told) logger.warn({}, `NATS cannot be reached; still trying: ${problem}`);
        told = problem;
      }
      await delay(retryEveryMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
    throw new Error('closed before NATS could be reached');
  };

  const follow = async (connection: NatsConnection): Promise<void> => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect' && state === 'connected') {
        state = 'disconnected';
        logger.warn(eventLine('nats.lost', {}), 'NATS connection lost');
      } else if (type === 'reconnect' && state === 'disconnected') {
        state = 'connected';
        logger.info(eventLine('nats.restored', {}), 'NATS connection restored');
      }
    }
  };

  const connection = firstConnection().then((connected) => {
    endFirstAttempt(true);
    if (state === 'connecting') state = 'connected';
    logger.info(eventLine('nats.connected', { server: connected.getServer() }), 'NATS connected');
    void follow(connected);
    return connected;
  });
  // If nobody awaits the connection, its rejection must not end the process.
  connection.catch(() => undefined);

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    state = 'closed';
    stopped.abort();
    const connected = await connection.catch(() => undefined);
    if (!connected || connected.isClosed()) return;
    // A drain waits for the server, which may not answer.
    const drained = connected.drain().catch(() => undefined);
    await Promise.race([drained, delay(drainTimeoutMs, undefined, { ref: false })]);
    await connected.close();
  };
  return { connection, firstAttempt, state: () => state, close: () => (closing ??= close()) };
}
