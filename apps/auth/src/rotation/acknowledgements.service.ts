import { randomBytes } from 'node:crypto';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { DataSource } from 'typeorm';
import { instanceName, NATS_LINK, type NatsLink } from '#service-kit';
import { ACK_SUBJECTS, ackSubject } from '#statements';
import { KeyRing } from '#trust';
import { SERVICE } from '../config.js';
import { KeySetService } from '../keys/key-set.service.js';
import { Verifiers, type AckRefusal, type Verifier } from './verifiers.js';

export interface AcknowledgementOptions {
  /** How long after its last acknowledgement a verifier is waited for. */
  readonly countedSeconds: number;
  /** Whether this process judges tokens, too. Only then others have to wait for it. */
  readonly isVerifier: boolean;
}

/** Injection token of the {@link AcknowledgementOptions}. */
export const ACKNOWLEDGEMENT_OPTIONS = Symbol('acknowledgement-options');

const FLUSH_MS = 200;
const CATCH_UP_MS = 50;

/**
 * Listens to acknowledgements and keeps them: in memory for the rotation that waits, in the database for other
 * replicas and the next start.
 */
@Injectable()
export class AcknowledgementsService implements OnModuleInit {
  private readonly log = new Logger('acknowledgements');
  private readonly verifiers: Verifiers;
  private readonly unsaved = new Map<string, Verifier>();
  private readonly refusals = new Map<AckRefusal, number>();
  private readonly waiting = new Set<() => void>();
  /** One process may run several replicas. */
  private readonly instance = `${instanceName}-${randomBytes(2).toString('hex')}`;
  private connection: NatsConnection | undefined;
  private connectedAt: number | undefined;
  private catchingUp: Promise<void> | undefined;
  private flushing: NodeJS.Timeout | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly keySet: KeySetService,
    private readonly ring: KeyRing,
    @Inject(NATS_LINK) private readonly nats: NatsLink,
    @Inject(ACKNOWLEDGEMENT_OPTIONS) private readonly options: AcknowledgementOptions,
  ) {
    this.verifiers = new Verifiers(options.countedSeconds * 1000);
  }

  onModuleInit(): void {
    this.nats.connection.then((connection) => this.listen(connection)).catch(() => undefined);
  }

  /** Everyone that is waited for. */
  counted(): Verifier[] {
    return this.verifiers.counted();
  }

  /** Names of the counted verifiers that do not hold the key. */
  lackingKey(kid: string): string[] {
    return this.verifiers.lacking(({ kids }) => kids.includes(kid));
  }

  /** Names of the counted verifiers that have not acknowledged the epoch. */
  lackingEpoch(epoch: number): string[] {
    return this.verifiers.lacking((verifier) => verifier.epoch >= epoch);
  }

  /** Names of the counted verifiers that have not pinned the anchor. */
  lackingPin(kid: string): string[] {
    return this.verifiers.lacking(({ pins }) => pins.includes(kid));
  }

  /** Whether everyone has had the time to be heard: not in the first while after a (re)connection. */
  isComplete(): boolean {
    const { connectedAt } = this;
    return connectedAt !== undefined && Date.now() - connectedAt >= this.options.countedSeconds * 1000;
  }

  /** How many acknowledgements were refused, by reason. */
  refused(): Record<string, number> {
    return Object.fromEntries(this.refusals);
  }

  /** Resolves at the next acknowledgement, or after `timeoutMs`. */
  news(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.waiting.add(done);
    });
  }

  /** This replica verifies tokens too, for its own routes: it is counted like any verifier. Others may wait for it. */
  acknowledgeOurselves(): void {
    const { epoch, keys, pins } = this.ring.facts();
    if (!this.options.isVerifier || epoch === null) return;
    const now = Date.now();
    const self = {
      service: SERVICE,
      instance: this.instance,
      epoch,
      kids: keys.map(({ kid }) => kid),
      pins,
      at: now,
      seenAt: now,
    };
    this.verifiers.remember(self);
    this.save(self);
    this.connection?.publish(ackSubject(SERVICE, this.instance), JSON.stringify(self));
  }

  /** Learns what other replicas have heard. */
  async load(): Promise<void> {
    const rows = await this.dataSource.query<(Verifier & { age: number })[]>(
      `SELECT service, instance, epoch::float8 AS epoch, kids, pins, at_ms AS at,
              extract(epoch FROM clock_timestamp() - seen_at)::float8 AS age
         FROM verifier WHERE seen_at > clock_timestamp() - make_interval(secs => $1)`,
      [this.options.countedSeconds],
    );
    for (const { age, ...row } of rows) this.verifiers.remember({ ...row, seenAt: Date.now() - age * 1000 });
  }

  private async listen(connection: NatsConnection): Promise<void> {
    connection.subscribe(ACK_SUBJECTS, {
      callback: (error, message) => {
        if (!error) void this.hear(message.subject, message.data);
      },
    });
    this.connection = connection;
    this.connectedAt = Date.now();
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') this.connectedAt = undefined;
      if (type === 'reconnect') this.connectedAt = Date.now();
    }
  }

  private async hear(subject: string, data: Uint8Array): Promise<void> {
    const judge = () => this.verifiers.hear(subject, data, this.keySet.current?.epoch ?? 0);
    let heard = judge();
    if (heard === 'future_epoch') {
      // Of a statement that another replica has issued, or a lie.
      await this.catchUp();
      heard = judge();
    }
    if (typeof heard === 'string') {
      this.refusals.set(heard, (this.refusals.get(heard) ?? 0) + 1);
      return;
    }
    this.save(heard);
    for (const done of this.waiting) done();
  }

  /** Takes up what other replicas have issued; one question to the database for all who ask in a short while. */
  private catchUp(): Promise<void> {
    if (this.catchingUp === undefined) {
      // Without the database nothing newer is known.
      this.catchingUp = this.keySet.refresh().then(
        () => undefined,
        () => undefined,
      );
      setTimeout(() => (this.catchingUp = undefined), CATCH_UP_MS).unref();
    }
    return this.catchingUp;
  }

  private save(verifier: Verifier): void {
    this.unsaved.set(`${verifier.service}.${verifier.instance}`, verifier);
    this.flushing ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  /** Many acknowledgements, one statement; what cannot be saved now comes again with the next heartbeat. */
  private async flush(): Promise<void> {
    this.flushing = undefined;
    const now = Date.now();
    const batch = [...this.unsaved.values()].map((ack) => ({
      ...ack,
      ageSeconds: (now - ack.seenAt) / 1000,
    }));
    this.unsaved.clear();
    try {
      await this.dataSource.query(
        `INSERT INTO verifier (service, instance, epoch, kids, pins, at_ms, seen_at)
         SELECT service, instance, epoch, kids, pins, at, clock_timestamp() - make_interval(secs => "ageSeconds")
           FROM jsonb_to_recordset($1::jsonb)
             AS ack(service text, instance text, epoch bigint, kids jsonb, pins jsonb, at float8, "ageSeconds" float8)
          -- In one order, so that two replicas do not wait for each other's rows.
          ORDER BY service, instance
         ON CONFLICT (service, instance) DO UPDATE SET epoch = excluded.epoch, kids = excluded.kids,
           pins = excluded.pins, at_ms = excluded.at_ms, seen_at = excluded.seen_at
         WHERE verifier.seen_at < excluded.seen_at`,
        [JSON.stringify(batch)],
      );
      await this.dataSource.query(
        `DELETE FROM verifier WHERE seen_at < clock_timestamp() - make_interval(secs => $1)`,
        [this.options.countedSeconds],
      );
    } catch (error) {
      this.log.warn(`acknowledgements could not be saved: ${(error as Error).message}`);
    }
  }
}
