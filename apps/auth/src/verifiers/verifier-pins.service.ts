/**
 * Remembers in the database which trust anchors each verifier pins, for the life of a statement. A verifier that
 * acknowledged within this time may still use a statement of the present anchor. If auth signed with the next anchor
 * too early, this verifier would get no newer statement. So these rows live longer than those of rotations, and more
 * are kept.
 */
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Acknowledgement, InstanceName } from './acknowledgement.js';

/**
 * The most rows of one service. Acknowledgements are not signed, so a service must not be able to fill the database.
 */
export const MAX_REMEMBERED = 1_000;
/**
 * The name of one row for all instances beyond the bound. It pins nothing, so an exchange waits for it. No instance can
 * have this name.
 */
export const OTHERS = '*';
/** Any number is good if nothing else in this database uses it for an advisory lock. */
const PINS_LOCK = 7_519_004;

export interface VerifierPins extends InstanceName {
  readonly pins: readonly string[];
  /** Seconds since its last acknowledgement. */
  readonly age: number;
}

interface Heard {
  readonly pins: readonly string[];
  readonly seenAt: number;
}

@Injectable()
export class VerifierPinsService {
  /** By service and instance. `undefined` stands for an instance that has said goodbye. */
  private readonly unsaved = new Map<string, Map<string, Heard | undefined>>();

  /** @param statementSeconds the life of a statement */
  constructor(
    private readonly dataSource: DataSource,
    private readonly statementSeconds: number,
  ) {}

  /** Takes the pins of an acknowledgement. The next {@link save} writes them. */
  hear({ service, instance, pins }: Pick<Acknowledgement, 'service' | 'instance' | 'pins'>): void {
    this.note({ service, instance }, { pins, seenAt: performance.now() });
  }

  /** Forgets an instance that has said goodbye. The next {@link save} deletes its row. */
  leave(name: InstanceName): void {
    this.note(name, undefined);
  }

  /** Writes what has changed since the last save. If it cannot be written, the next save tries again. */
  async save(): Promise<void> {
    const batch = [...this.unsaved];
    if (batch.length === 0) return;
    this.unsaved.clear();
    try {
      await this.dataSource.transaction((tx) => this.write(tx, new Map(batch)));
    } catch (error) {
      // A goodbye is not repeated, so it is kept for the next save. What arrived meanwhile is newer.
      for (const [service, instances] of batch)
        for (const [instance, heard] of instances)
          if (!this.unsaved.get(service)?.has(instance)) this.note({ service, instance }, heard);
      throw error;
    }
  }

  /** The verifiers that acknowledged within the life of a statement and have not said goodbye, sorted by name. */
  list(): Promise<VerifierPins[]> {
    return this.dataSource.query<VerifierPins[]>(
      `SELECT service, instance, pins, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS age
         FROM verifier_pins WHERE seen_at > clock_timestamp() - make_interval(secs => $1)
        ORDER BY service, instance`,
      [this.statementSeconds],
    );
  }

  /** Forgets an instance until it acknowledges again. Returns false if there is none with this name. */
  async drop({ service, instance }: InstanceName): Promise<boolean> {
    const [, count] = await this.dataSource.query<[unknown, number]>(
      'DELETE FROM verifier_pins WHERE service = $1 AND instance = $2',
      [service, instance],
    );
    return count > 0;
  }

  private note({ service, instance }: InstanceName, heard: Heard | undefined): void {
    const instances = this.unsaved.get(service) ?? new Map<string, Heard | undefined>();
    this.unsaved.set(service, instances);
    const fits = instances.has(instance) || instances.size < MAX_REMEMBERED;
    if (fits) instances.set(instance, heard);
    else if (heard) instances.set(OTHERS, { pins: [], seenAt: heard.seenAt });
  }

  private async write(tx: EntityManager, batch: ReadonlyMap<string, ReadonlyMap<string, Heard | undefined>>) {
    const now = performance.now();
    const all = [...batch].flatMap(([service, instances]) =>
      [...instances].map(([instance, heard]) => ({ service, instance, heard })),
    );
    const left = all.filter(({ heard }) => !heard);
    const heard = all.flatMap(({ heard: word, ...name }) =>
      word ? [{ ...name, pins: word.pins, age: (now - word.seenAt) / 1000 }] : [],
    );
    // One replica at a time, so that two replicas do not both take the last free place.
    await tx.query('SELECT pg_advisory_xact_lock($1)', [PINS_LOCK]);
    await tx.query(FORGET, [this.statementSeconds, JSON.stringify(left)]);
    await tx.query(RENEW, [JSON.stringify(heard)]);
    await tx.query(ADD, [JSON.stringify(heard), MAX_REMEMBERED]);
    await tx.query(ADD_OTHERS, [JSON.stringify(heard)]);
  }
}

const HEARD = 'jsonb_to_recordset($1::jsonb) AS heard(service text, instance text, pins jsonb, age float8)';
const SEEN_AT = 'clock_timestamp() - make_interval(secs => age)';
const IS_KNOWN = 'SELECT FROM verifier_pins WHERE service = heard.service AND instance = heard.instance';

const FORGET = `
  DELETE FROM verifier_pins
   WHERE seen_at < clock_timestamp() - make_interval(secs => $1)
      OR (service, instance) IN
           (SELECT service, instance FROM jsonb_to_recordset($2::jsonb) AS gone(service text, instance text))`;

/** A row with a future time was written before the clock of the database was set back. It is replaced. */
const RENEW = `
  UPDATE verifier_pins AS known SET pins = heard.pins, seen_at = ${SEEN_AT}
    FROM ${HEARD}
   WHERE known.service = heard.service AND known.instance = heard.instance
     AND (known.seen_at < ${SEEN_AT} OR known.seen_at > clock_timestamp())`;

const ADD = `
  INSERT INTO verifier_pins (service, instance, pins, seen_at)
  SELECT service, instance, pins, ${SEEN_AT}
    FROM (SELECT *, row_number() OVER (PARTITION BY service ORDER BY instance) AS place
            FROM ${HEARD} WHERE NOT EXISTS (${IS_KNOWN})) AS heard
   WHERE place <= $2 - (SELECT count(*) FROM verifier_pins AS known WHERE known.service = heard.service)`;

/**
 * An instance that found no place is not remembered by name. An exchange must wait for it, so this row stands for it.
 */
const ADD_OTHERS = `
  INSERT INTO verifier_pins (service, instance, pins, seen_at)
  SELECT DISTINCT service, '${OTHERS}', '[]'::jsonb, statement_timestamp()
    FROM ${HEARD} WHERE NOT EXISTS (${IS_KNOWN})
  ON CONFLICT (service, instance) DO UPDATE SET seen_at = excluded.seen_at`;
