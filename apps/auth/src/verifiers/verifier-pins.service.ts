/**
 * Which trust anchors each verifier pins, kept in the database for the life of a statement. Whoever was heard of within
 * that time may still accept tokens by a statement of the present anchor, and would lose it if auth signed with the next
 * one too early. So this memory is longer than that of rotations, and has a bound of its own.
 */
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Acknowledgement, InstanceName } from './acknowledgement.js';

/** Rows of one service. Acknowledgements are unsigned: a service must not be able to fill the database. */
export const MAX_REMEMBERED = 1_000;
/** Stands for all instances beyond the bound. It pins nothing, so an exchange waits for it; no instance has this name. */
export const OTHERS = '*';
/** Any constant does, as long as nothing else in the database uses it. */
const PINS_LOCK = 7_519_004;

export interface VerifierPins extends InstanceName {
  readonly pins: readonly string[];
  /** Seconds since it was heard of. */
  readonly age: number;
}

interface Heard {
  readonly pins: readonly string[];
  readonly seenAt: number;
}

@Injectable()
export class VerifierPinsService {
  /** By service and instance; `undefined` for an instance that has said goodbye. */
  private readonly unsaved = new Map<string, Map<string, Heard | undefined>>();

  /** @param statementSeconds the life of a statement */
  constructor(
    private readonly dataSource: DataSource,
    private readonly statementSeconds: number,
  ) {}

  /** Takes in what an acknowledgement names; it is in the database with the next {@link save}. */
  hear({ service, instance, pins }: Pick<Acknowledgement, 'service' | 'instance' | 'pins'>): void {
    this.note({ service, instance }, { pins, seenAt: performance.now() });
  }

  /** Forgets an instance that has said goodbye. */
  leave(name: InstanceName): void {
    this.note(name, undefined);
  }

  /** Writes what was heard since the last time. What cannot be written is kept for the next time. */
  async save(): Promise<void> {
    const batch = [...this.unsaved];
    if (batch.length === 0) return;
    this.unsaved.clear();
    try {
      await this.dataSource.transaction((tx) => this.write(tx, new Map(batch)));
    } catch (error) {
      // A goodbye is not repeated, so it is kept for the next save. What was heard meanwhile is newer.
      for (const [service, instances] of batch)
        for (const [instance, heard] of instances)
          if (!this.unsaved.get(service)?.has(instance)) this.note({ service, instance }, heard);
      throw error;
    }
  }

  /** Everyone heard of within the life of a statement who has not said goodbye, by name. */
  list(): Promise<VerifierPins[]> {
    return this.dataSource.query<VerifierPins[]>(
      `SELECT service, instance, pins, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS age
         FROM verifier_pins WHERE seen_at > clock_timestamp() - make_interval(secs => $1)
        ORDER BY service, instance`,
      [this.statementSeconds],
    );
  }

  /** Forgets an instance, until it is heard of again. Returns false if there is none with this name. */
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
    // One replica at a time, so that two cannot both find the last place free.
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

/** A time in the future was written before the database's clock was set back. */
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

/** Whoever found no place is not known by name: an exchange must wait for it all the same. */
const ADD_OTHERS = `
  INSERT INTO verifier_pins (service, instance, pins, seen_at)
  SELECT DISTINCT service, '${OTHERS}', '[]'::jsonb, statement_timestamp()
    FROM ${HEARD} WHERE NOT EXISTS (${IS_KNOWN})
  ON CONFLICT (service, instance) DO UPDATE SET seen_at = excluded.seen_at`;
