import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { nkeyAuthenticator } from '@nats-io/transport-node';
import type { Logger } from './logging.js';
import { connect } from './nats-transport.js';
import { eventLine } from './security-events.js';

/** How to reach NATS, and as whom. */
export interface NatsOptions {
  readonly servers: string | string[];
  readonly nkeySeed: string;
  /** Shown in the server's monitoring. */
  readonly name: string;
  /** Where replies come to, e.g. `_INBOX_orders`; each account may subscribe to its own only. */
  readonly inboxPrefix: string;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

export type NatsState = 'connecting' | 'connected' | 'disconnected' | 'closed';

/** A connection that may not be there yet. */
export interface NatsLink {
  /** Resolves with the first connection, which then reconnects by itself; rejects only when closed before. */
  readonly connection: Promise<NatsConnection>;
  readonly state: () => NatsState;
  /** Drains and closes, within 2 s or so, connected or not. Idempotent. */
  readonly close: () => Promise<void>;
}

const retryEveryMs = 500;
const drainTimeoutMs = 2000;

/**
 * Connects in the background and for ever: a service starts without NATS, and a refused nkey or a dead server is tried
 * again until it works. A server that stops answering is noticed within 15 s. Each change is logged once.
 */
export function connectNats({ logger, nkeySeed, ...options }: NatsOptions): NatsLink {
  const stopped = new AbortController();
  let state: NatsState = 'connecting';

  const attempt = () =>
    connect({
      ...options,
      authenticator: nkeyAuthenticator(new TextEncoder().encode(nkeySeed)),
      timeout: 3000,
      pingInterval: 5000,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      reconnectTimeWait: retryEveryMs,
      ignoreAuthErrorAbort: true,
    });

  const firstConnection = async (): Promise<NatsConnection> => {
    let told: string | undefined;
    while (!stopped.signal.aborted) {
      try {
        return await attempt();
      } catch (error) {
        const problem = (error as Error).message;
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
    if (state === 'connecting') state = 'connected';
    logger.info(eventLine('nats.connected', { server: connected.getServer() }), 'NATS connected');
    void follow(connected);
    return connected;
  });
  // Whoever never awaits the connection must not be told of its end by a crash.
  connection.catch(() => undefined);

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    state = 'closed';
    stopped.abort();
    const connected = await connection.catch(() => undefined);
    if (!connected || connected.isClosed()) return;
    // A drain waits for the server, which may be away.
    const drained = connected.drain().catch(() => undefined);
    await Promise.race([drained, delay(drainTimeoutMs, undefined, { ref: false })]);
    await connected.close();
  };
  return { connection, state: () => state, close: () => (closing ??= close()) };
}
