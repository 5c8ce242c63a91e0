import { randomBytes } from 'node:crypto';
import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { DataSource } from 'typeorm';
import { NATS_LINK } from '#service-kit';
import { ACK_SUBJECTS, ackSubject } from '#statements';
import type { KeyRing } from '#trust';
import { instanceName, type NatsLink } from '#trust/nats';
import { VerifierPinsService } from './verifier-pins.service.js';
import { SERVICE } from '../config.js';
import { NewestStatement } from '../key-set/newest-statement.js';
import {
  readAcknowledgement,
  type Acknowledgement,
  type AckRefusal,
  type InstanceName,
} from './acknowledgement.js';
import { CatchUp } from './catch-up.js';
import { ListeningTime } from './listening-time.js';
import { loadVerifiers, saveVerifiers } from './verifier-rows.js';
import { VerifierWriter } from './verifier-writer.js';
import { Verifiers, type Verifier } from './verifiers.js';

export interface AcknowledgementOptions {
  /** How long a verifier is counted after its last acknowledgement. */
  readonly countedSeconds: number;
  /** Whether this process checks tokens, too. Only then a rotation has to wait for it. */
  readonly isVerifier: boolean;
}

/** Injection token of the {@link AcknowledgementOptions}. */
export const ACKNOWLEDGEMENT_OPTIONS = Symbol('acknowledgement-options');

/**
 * Listens to acknowledgements and goodbyes. Keeps them in memory for the rotation that waits. Saves them in the
 * database for other replicas and for the next start.
 */
@Injectable()
export class AcknowledgementsService
  implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown
{
  private readonly log = new Logger('acknowledgements');
  private readonly verifiers: Verifiers;
  private readonly writer: VerifierWriter;
  private readonly catchUp: CatchUp;
  private readonly listening: ListeningTime;
  private readonly refusals = new Map<AckRefusal, number>();
  private readonly waiting = new Set<() => void>();
  /** The name has a random end, because tests run several replicas in one process. */
  private readonly self = {
    service: SERVICE,
    instance: `${instanceName}-${randomBytes(2).toString('hex')}`,
  };
  private isLeaving = false;
  private isStopped = false;
  private connection: NatsConnection | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly newest: NewestStatement,
    private readonly pins: VerifierPinsService,
    @Inject(NATS_LINK) private readonly nats: NatsLink,
    @Inject(ACKNOWLEDGEMENT_OPTIONS) private readonly options: AcknowledgementOptions,
  ) {
    this.verifiers = new Verifiers(options.countedSeconds * 1000);
    this.listening = new ListeningTime(options.countedSeconds * 1000);
    this.writer = new VerifierWriter((changes) => saveVerifiers(dataSource, changes, options.countedSeconds));
    this.catchUp = new CatchUp(() => newest.refresh());
  }

  onModuleInit(): void {
    this.nats.connection.then((connection) => this.listen(connection)).catch(() => undefined);
  }

  /**
   * Saves the goodbye while the database is still open. Perhaps no other replica runs that could receive it over NATS.
   */
  async beforeApplicationShutdown(): Promise<void> {
    if (!this.options.isVerifier) return;
    this.isLeaving = true;
    this.pins.leave(this.self);
    // If this fails, an anchor exchange waits for this replica as for one that vanished.
    await this.pins
      .save()
      .catch((error: Error) =>
        this.log.warn(`the goodbye of this replica could not be saved: ${error.message}`),
      );
  }

  /** Publishes the goodbye after the last request. Until then a rotation must wait for this replica. */
  onApplicationShutdown(): void {
    this.listening.end();
    if (!this.options.isVerifier) return;
    this.isStopped = true;
    this.writer.stop();
    this.publish({ goodbye: true, at: Date.now() });
  }

  /** The counted verifiers. */
  counted(): Verifier[] {
    return this.verifiers.counted();
  }

  /** Names of the counted verifiers that do not hold the key. */
  lackingKey(kid: string): string[] {
    return this.verifiers.lacking(({ kids }) => kids.includes(kid));
  }

  /** Names of the counted verifiers that have not acknowledged this epoch or a later one. */
  lackingEpoch(epoch: number): string[] {
    return this.verifiers.lacking((verifier) => verifier.epoch >= epoch);
  }

  /** Names of the counted verifiers that do not pin the anchor. */
  lackingPin(kid: string): string[] {
    return this.verifiers.lacking(({ pins }) => pins.includes(kid));
  }

  /** Whether the list of verifiers is complete: this process has listened to NATS for `countedSeconds`. */
  isComplete(): boolean {
    return this.listening.isLongEnough();
  }

  /** How many acknowledgements were refused, by reason. */
  refused(): Record<string, number> {
    return Object.fromEntries(this.refusals);
  }

  /** Waits for the next acknowledgement, `timeoutMs` at most. */
  waitForNext(timeoutMs: number): Promise<void> {
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

  /** Acknowledges for this replica, which checks tokens for its own routes. So it is counted like any verifier. */
  acknowledgeOurselves(ring: KeyRing): void {
    const { epoch, keys, pins } = ring.facts();
    if (!this.options.isVerifier || this.isStopped || epoch === null) return;
    const ack = { epoch, kids: keys.map(({ kid }) => kid), pins, at: Date.now() };
    this.take({ ...ack, ...this.self });
    this.publish(ack);
  }

  /** Loads the acknowledgements that other replicas saved. */
  async load(): Promise<void> {
    const rows = await loadVerifiers(this.dataSource, this.options.countedSeconds);
    for (const row of rows) this.verifiers.remember(row);
  }

  private async listen(connection: NatsConnection): Promise<void> {
    connection.subscribe(ACK_SUBJECTS, {
      callback: (error, message) => {
        if (!error) void this.hear(message.subject, message.data);
      },
    });
    this.connection = connection;
    this.listening.begin();
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') this.listening.end();
      if (type === 'reconnect') this.listening.begin();
    }
  }

  private async hear(subject: string, data: Uint8Array): Promise<void> {
    // NATS also delivers the replica's own messages, perhaps after its goodbye.
    if (this.isStopped || subject === ackSubject(SERVICE, this.self.instance)) return;
    const read = () => readAcknowledgement(subject, data, this.newest.current?.epoch ?? 0);
    let heard = read();
    if (heard === 'future_epoch') {
      // Another replica may have issued this epoch, or the message is false.
      if (!(await this.catchUp.ask())) return this.refuse('too_many_waiting');
      heard = read();
    }
    if (typeof heard === 'string') return this.refuse(heard);
    if ('goodbye' in heard) {
      // An earlier acknowledgement of it may still wait for the database. The goodbye must come after it.
      await this.catchUp.settle();
      this.leave(heard);
    } else if (!this.take(heard)) this.refuse('too_many_instances');
    for (const done of this.waiting) done();
  }

  /** Counts the verifier. Returns false if its service has too many instances. */
  private take(ack: Acknowledgement): boolean {
    // Its pins are remembered in every case: an anchor exchange waits for more verifiers than a rotation.
    if (!this.isLeaving || ack.instance !== this.self.instance) this.pins.hear(ack);
    const verifier = this.verifiers.hear(ack, ack.at - Date.now());
    if (verifier) this.writer.save(verifier);
    return verifier !== undefined;
  }

  private leave(name: InstanceName): void {
    this.pins.leave(name);
    if (this.verifiers.forget(name)) this.writer.save(name);
  }

  private refuse(reason: AckRefusal): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }

  private publish(message: object): void {
    if (!this.connection || this.connection.isClosed() || this.connection.isDraining()) return;
    this.connection.publish(ackSubject(SERVICE, this.self.instance), JSON.stringify(message));
  }
}
