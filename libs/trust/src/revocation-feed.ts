/**
 * Feeds a revocation view over NATS. A subscription receives revocations live. A direct get fetches those that did not
 * arrive. The feed only transports; the view alone decides whether to believe a revocation.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import {
  lastBySubject,
  MAX_REVOCATION_BYTES,
  REVOCATION_DIRECT_GET,
  REVOCATION_SUBJECTS,
  revocationSubject,
} from '#statements';
import type { Clock } from './clock.js';
import { natsMessageOf } from './message-of.js';
import { onlyChanges } from './only-changes.js';
import { Refusals, type Refusal } from './refusals.js';
import type { RevocationView } from './revocations.js';
import { shareRuns } from './shared-runs.js';
import { inSlices } from './slices.js';

const REQUEST_TIMEOUT_MS = 2_000;
/** How many revocations are requested at once. Their answers may all be received in one turn of the event loop. */
const BATCH = 32;
/** How many numbers after the highest known one are requested at a time. */
const AHEAD = 16;

export class RevocationFeed {
  private connection: NatsConnection | undefined;
  private subscription: Subscription | undefined;
  /** The numbers that were missing at the last tick. A number that is missing for the first time may be on its way. */
  private overdue = new Set<number>();
  private readonly report = onlyChanges<string>((fault) => {
    if (fault !== undefined) this.log(`missing revocations cannot be fetched: ${fault}`);
  });
  private readonly refusals: Refusals;

  constructor(
    private readonly view: RevocationView,
    private readonly log: (message: string | Refusal) => void,
    clock: Clock,
  ) {
    this.refusals = new Refusals('revocation.refused', log, clock);
  }

  /** Subscribes to revocations. As soon as the server knows the subscription, no published revocation is missed. */
  attach(connection: NatsConnection): void {
    this.connection = connection;
    this.subscription = connection.subscribe(REVOCATION_SUBJECTS, {
      callback: (error, message) => {
        if (error) this.log(`revocations cannot be received over NATS: ${natsMessageOf(error)}`);
        else this.offer(message);
      },
    });
  }

  /** Fetches revocations that are missing now and were missing at the last tick. To be called once a second. */
  tick(): void {
    const missing = this.view.missing(BATCH);
    if (missing.some((n) => this.overdue.has(n))) void this.repair();
    this.overdue = new Set(missing);
  }

  /** Fetches every missing revocation that NATS has. Callers share a run. Never rejects. */
  readonly repair = shareRuns(() =>
    this.fetchMissing().then(
      () => this.report(undefined),
      (error: unknown) => this.report(natsMessageOf(error)),
    ),
  );

  /**
   * Fetches every missing revocation, and those that are newer than the last statement. For a time without a
   * subscription.
   */
  async catchUp(): Promise<void> {
    await this.repair();
    let known: number;
    do {
      known = this.view.highestKnown;
      const numbers = Array.from({ length: AHEAD }, (_n, index) => known + 1 + index);
      await this.fetch(numbers).catch((error: unknown) => this.report(natsMessageOf(error)));
    } while (this.view.highestKnown > known);
    this.view.caughtUp();
  }

  async stop(): Promise<void> {
    this.subscription?.unsubscribe();
    await this.repair.settled();
  }

  /** Asks once for each number, so one that NATS lacks does not keep the others waiting. */
  private async fetchMissing(): Promise<void> {
    const missing = this.view.missing();
    for (let i = 0; i < missing.length; i += BATCH) await this.fetch(missing.slice(i, i + BATCH));
  }

  private async fetch(numbers: readonly number[]): Promise<void> {
    const { connection } = this;
    if (!connection) return;
    const answers = await Promise.allSettled(
      numbers.map((n) =>
        connection.request(REVOCATION_DIRECT_GET, lastBySubject(revocationSubject(n)), {
          timeout: REQUEST_TIMEOUT_MS,
        }),
      ),
    );
    // If one request fails, the answers of the others still count. Status 404: the revocation is not stored yet, or is
    // lost. auth stores again what the stream lacks.
    await inSlices(answers, (answer) => {
      if (answer.status === 'fulfilled' && !answer.value.headers?.code) this.offer(answer.value);
    });
    const failed = answers.find(({ status }) => status === 'rejected');
    if (failed) throw (failed as PromiseRejectedResult).reason;
  }

  private offer(message: Msg): void {
    const isTooLarge = message.data.length > MAX_REVOCATION_BYTES;
    const refused = isTooLarge ? this.view.refuse('too_large') : this.view.add(message.string());
    if (refused !== undefined) this.refusals.add('nats', refused);
  }
}
