/**
 * Feeds a key ring with statements: live over NATS, and over HTTP at the start and while the ring is not confirmed.
 * Feeds its revocation view over NATS only. The feed only transports; the ring alone decides whether to believe a
 * statement.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { ackSubject, KEYSET_DIRECT_GET, KEYSET_PATH, KEYSET_SUBJECT, MAX_STATEMENT_BYTES } from '#statements';
import { readBoundedBody } from './bounded-body.js';
import { systemClock, type Clock } from './clock.js';
import type { Channel, KeyRing } from './key-ring.js';
import { messageOf, natsMessageOf } from './message-of.js';
import { onlyChanges } from './only-changes.js';
import { Refusals, type Refusal } from './refusals.js';
import { RevocationFeed } from './revocation-feed.js';
import { shareRuns } from './shared-runs.js';

const TICK_MS = 1_000;
const FETCH_INTERVAL_MS = 1_000;
const REQUEST_TIMEOUT_MS = 2_000;
const FIRST_BACKOFF_MS = 1_000;
const LAST_BACKOFF_MS = 30_000;

export interface FeedNats {
  /** Resolves when NATS is first reached, which may never happen. Afterwards the connection reconnects by itself. */
  readonly connection: Promise<NatsConnection>;
  /**
   * Whether the first attempt to connect succeeded. If not, the verifier judges without the revocations that NATS has.
   * Without this member it waits 15 s for them.
   */
  readonly firstAttempt?: Promise<boolean>;
  /** Parts of the acknowledgement subject `trust.ack.<service>.<instance>`. */
  readonly service: string;
  readonly instance: string;
}

export interface StatementFeedOptions {
  readonly ring: KeyRing;
  /** Base URL to connect to. It is not compared with `iss`. */
  readonly fetchUrl: string;
  readonly nats?: FeedNats;
  /** Receives a message for each change in what the feed can reach, and refusals at a bounded rate. */
  readonly log?: (message: string | Refusal) => void;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
}

export class StatementFeed {
  private readonly ring: KeyRing;
  private readonly url: string;
  private readonly nats: FeedNats | undefined;
  private readonly log: (message: string | Refusal) => void;
  private readonly fetch: typeof globalThis.fetch;
  private readonly clock: Clock;
  private readonly revocations: RevocationFeed;
  private readonly refusals: Refusals;
  private readonly stopping = new AbortController();
  private connection: NatsConnection | undefined;
  private subscription: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  private inFlight: Promise<boolean> | undefined;
  private pauseMs = 0;
  private backoffMs = FIRST_BACKOFF_MS;
  private readonly report = onlyChanges<string>((fault) =>
    this.log(fault ?? 'the issuer can be reached over HTTP'),
  );

  constructor(options: StatementFeedOptions) {
    this.ring = options.ring;
    // Appended, because the URL of an issuer may have a path (RFC 8414 §2).
    this.url = new URL(options.fetchUrl.replace(/\/+$/, '') + KEYSET_PATH).href;
    this.nats = options.nats;
    this.log = options.log ?? (() => undefined);
    this.fetch = options.fetch ?? globalThis.fetch;
    this.clock = options.clock ?? systemClock;
    const log = (message: string | Refusal) => {
      if (!this.stopping.signal.aborted) this.log(message);
    };
    this.revocations = new RevocationFeed(this.ring.revocations, log, this.clock);
    this.refusals = new Refusals('statement.refused', log, this.clock);
  }

  /** Begins on both channels at once and returns. The ring keeps the newest statement. */
  start(): void {
    if (this.nats) {
      this.ring.onAccepted(() => this.acknowledge());
      this.ring.revocations.requireComplete();
      void this.nats.firstAttempt?.then((succeeded) => {
        if (!succeeded) this.ring.revocations.natsIsAway();
      });
      this.nats.connection
        .then((connection) => this.attach(connection))
        .catch((error: unknown) => {
          this.ring.revocations.natsIsAway();
          this.natsFault(error);
        });
    }
    void this.fetchNewest();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** Stops both channels and tells auth not to wait for this verifier any more. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    if (!this.stopping.signal.aborted) this.tellIssuer({ goodbye: true, at: this.clock() });
    this.stopping.abort();
    this.subscription?.unsubscribe();
    await Promise.all([this.inFlight, this.revocations.stop()]);
  }

  /**
   * Fetches the statement over HTTP, at most once a second. Callers share a fetch, and each gets one that began after
   * its call. Resolves with whether the ring then holds the issuer's present statement. Never rejects.
   */
  readonly fetchNewest = shareRuns(() => (this.inFlight = this.poll()), FETCH_INTERVAL_MS);

  private async poll(): Promise<boolean> {
    if (this.stopping.signal.aborted) return false;
    try {
      const isCurrent = await this.fetchStatement();
      this.polled(undefined);
      return isCurrent;
    } catch (error) {
      this.polled(error);
      return false;
    } finally {
      this.inFlight = undefined;
    }
  }

  private tick(): void {
    this.revocations.tick();
    if (this.ring.freshness() === 'confirmed') {
      this.backoffMs = FIRST_BACKOFF_MS;
      this.pauseMs = 0;
      return;
    }
    // Counted in ticks, because a wall clock that is set back would delay the next poll.
    this.pauseMs -= TICK_MS;
    if (!this.inFlight && this.pauseMs <= 0) void this.fetchNewest();
  }

  private polled(error: unknown): void {
    if (this.stopping.signal.aborted) return;
    // An old statement does not help either: keep backing off until one is confirmed.
    const jitter = 0.5 + Math.random() / 2;
    this.pauseMs = this.backoffMs * jitter;
    this.backoffMs = Math.min(this.backoffMs * 2, LAST_BACKOFF_MS);
    this.report(
      error === undefined ? undefined : `the issuer cannot be reached over HTTP: ${messageOf(error)}`,
    );
  }

  private async fetchStatement(): Promise<boolean> {
    const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const response = await this.fetch(this.url, { signal, redirect: 'error' });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`status ${response.status}`);
    }
    const body = await readBoundedBody(response, MAX_STATEMENT_BYTES);
    // `Age` says that a cache, or a replica without its database, answered with a statement from before (RFC 9111
    // §5.1).
    const isPresent = Number(response.headers.get('age') ?? 0) === 0;
    if (body) return this.offer(body.toString('latin1'), 'http') && isPresent;
    // Counted like every other refusal.
    this.ring.refuse('too_large');
    throw new Error(`the answer has more than ${MAX_STATEMENT_BYTES} bytes`);
  }

  private async attach(connection: NatsConnection): Promise<void> {
    this.connection = connection;
    if (this.stopping.signal.aborted) return;
    // Subscribe before asking for the last statement, so that nothing can slip between the two.
    this.revocations.attach(connection);
    this.subscription = connection.subscribe(KEYSET_SUBJECT, {
      callback: (error, message) => {
        if (error) this.natsFault(error);
        else this.offerMessage(message);
      },
    });
    const statuses = connection.status();
    await connection.flush().catch(this.natsFault);
    // A statement from the file or over HTTP was accepted before auth could be told.
    if (this.ring.freshness() !== 'empty') this.acknowledge();
    await this.catchUp(connection);
    for await (const status of statuses) {
      if (status.type === 'disconnect') this.ring.revocations.natsIsAway();
      if (status.type === 'reconnect') await this.catchUp(connection);
    }
  }

  private async catchUp(connection: NatsConnection): Promise<void> {
    await this.getLast(connection);
    // Revocations from before the subscription are not on their way any more, so they are fetched at once.
    await this.revocations.catchUp();
  }

  private async getLast(connection: NatsConnection): Promise<void> {
    try {
      const answer = await connection.request(KEYSET_DIRECT_GET, '', { timeout: REQUEST_TIMEOUT_MS });
      // Status 404: the stream holds no statement yet.
      if (!answer.headers?.code) this.offerMessage(answer);
    } catch (error) {
      this.natsFault(error);
    }
  }

  private readonly natsFault = (error: unknown): void => {
    if (!this.stopping.signal.aborted)
      this.log(`statements cannot be received over NATS: ${natsMessageOf(error)}`);
  };

  private offerMessage(message: Msg): void {
    if (message.data.length <= MAX_STATEMENT_BYTES) this.offer(message.string(), 'nats');
    else this.refusals.add('nats', this.ring.refuse('too_large'));
  }

  /** Offers a statement to the ring. Returns whether the ring holds it now. */
  private offer(jws: string, channel: Channel): boolean {
    const refused = this.ring.accept(jws, channel);
    // An old epoch is normal: both channels bring the same statements, and NATS can deliver one twice.
    if (refused !== undefined && refused !== 'old_epoch') this.refusals.add(channel, refused);
    return refused === undefined;
  }

  /**
   * Tells auth what this verifier holds. The message has no signature: a forged one can only hasten or delay a
   * rotation.
   */
  private acknowledge(): void {
    // After the goodbye, an acknowledgement would make auth wait for this verifier again.
    if (this.stopping.signal.aborted) return;
    const { epoch, keys, pins } = this.ring.facts();
    this.tellIssuer({ epoch, kids: keys.map((key) => key.kid), pins, at: this.clock() });
  }

  private tellIssuer(message: object): void {
    // publish() throws on a connection that is closing.
    if (!this.nats || !this.connection || this.connection.isClosed() || this.connection.isDraining()) return;
    this.connection.publish(ackSubject(this.nats.service, this.nats.instance), JSON.stringify(message));
  }
}
