import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { nkeyAuthenticator, type Authenticator, type NatsConnection } from '@nats-io/transport-node';
import { neverThrowing } from '../never-throwing.js';
import type { FeedNats } from '../statement-feed.js';
import { connect } from './nats-transport.js';

/** The address of NATS, and the login of the service. */
export interface NatsOptions {
  /** `nats://host:port` or `tls://host:port`. */
  readonly servers: string | string[];
  /** The seed of the account's nkey (`SU…`). */
  readonly nkeySeed: string;
  /** The name of the service in its subjects. Its account may receive replies below `_INBOX_<service>` only. */
  readonly service: string;
  /**
   * The name of this process among the instances of its service: letters, digits, `_` and `-`. Default:
   * {@link instanceName}.
   */
  readonly instance?: string;
  /** Receives each change once. Default: nobody. */
  readonly log?: (change: NatsChange) => void;
}

/** A change of the connection: its security event, and a message for people. */
export type NatsChange =
  | { readonly event: 'nats.connected'; readonly server: string; readonly message: string }
  | { readonly event: 'nats.lost' | 'nats.restored'; readonly message: string }
  | { readonly event?: undefined; readonly message: string };

/**
 * The name of this process. It has no dots, because dots separate the parts of a subject.
 */
export const instanceName = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`.replace(
  /[^\w-]/g,
  '-',
);

type NatsState = 'connecting' | 'connected' | 'disconnected' | 'closed';

/** A connection that may not exist yet. The `nats` of a verifier's settings. */
export interface NatsLink extends FeedNats {
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

const retryEveryMs = 500;
const drainTimeoutMs = 2000;

/**
 * Connects in the background and never gives up: a service starts without NATS, and tries again after a refused nkey or
 * with a dead server. It notices within 15 s that a server does not answer any more. Each change is logged once.
 *
 * @throws Error at once, if there is no address of NATS, the seed is not one of an nkey, or a name cannot be a part of a
 * subject. It quotes no value, because one may be a secret.
 */
export function connectNats({
  servers,
  nkeySeed,
  service,
  instance = instanceName,
  log: givenLog = () => undefined,
}: NatsOptions): NatsLink {
  const log = neverThrowing(givenLog);
  const urls = readServers(servers);
  const authenticator = readSeed(nkeySeed);
  requirePartsOfSubject({ service, instance });
  const stopped = new AbortController();
  let state: NatsState = 'connecting';
  let endFirstAttempt!: (succeeded: boolean) => void;
  const firstAttempt = new Promise<boolean>((resolve) => (endFirstAttempt = resolve));

  const attempt = () =>
    connect({
      servers: urls,
      // Without this, the client would also accept a server that offers no TLS.
      ...(urls.some((url) => url.startsWith('tls:')) && { tls: {} }),
      // Shown in the server's monitoring.
      name: instance,
      inboxPrefix: `_INBOX_${service}`,
      authenticator,
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
        if (problem !== told) log({ message: `NATS cannot be reached; still trying: ${problem}` });
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
        log({ event: 'nats.lost', message: 'NATS connection lost' });
      } else if (type === 'reconnect' && state === 'disconnected') {
        state = 'connected';
        log({ event: 'nats.restored', message: 'NATS connection restored' });
      }
    }
  };

  const connection = firstConnection().then((connected) => {
    endFirstAttempt(true);
    if (state === 'connecting') {
      state = 'connected';
      log({ event: 'nats.connected', server: connected.getServer(), message: 'NATS connected' });
    }
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
  return {
    connection,
    firstAttempt,
    service,
    instance,
    state: () => state,
    close: () => (closing ??= close()),
  };
}

// A setting that is missing in the environment is undefined, whatever its type says.

/** Returns the addresses with their scheme in lower case. @throws Error */
function readServers(servers: string | string[] | undefined): string[] {
  const urls = [servers ?? []].flat().map((url) => url.trim());
  if (urls.length === 0 || urls.includes('')) throw new Error('servers is missing: the address of NATS');
  return urls.map((url) => {
    const [scheme, rest] = url.split('://', 2) as [string, string?];
    const name = scheme.toLowerCase();
    if (rest === undefined || !['nats', 'tls'].includes(name))
      throw new Error('servers not allowed. Expected: nats://host:port or tls://host:port');
    return `${name}://${rest}`;
  });
}

/** @throws Error */
function readSeed(seed: string | undefined): Authenticator {
  const text = typeof seed === 'string' ? seed.trim() : '';
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(text));
  try {
    // Otherwise each attempt to connect would fail, and it would look as if the server refused the nkey.
    void authenticator('any text');
    if (text.startsWith('SU')) return authenticator;
  } catch {
    // The error of the client is about its parts.
  }
  throw new Error('nkeySeed is not the seed of an nkey (SU…)');
}

/** @throws Error */
function requirePartsOfSubject(options: Readonly<Record<string, unknown>>): void {
  for (const [option, value] of Object.entries(options)) {
    if (typeof value !== 'string' || !/^[\w-]+$/.test(value))
      throw new Error(`${option} not allowed. Expected: letters, digits, _ and -`);
  }
}
