/**
 * The rows of counted verifiers. Through them replicas share acknowledgements, and the next start knows them. All times
 * are of the database. A row with a future time was written before the clock of the database was set back. It is
 * ignored and replaced. Otherwise it would hide newer acknowledgements.
 */
import type { DataSource } from 'typeorm';
import type { InstanceName } from './acknowledgement.js';
import type { Verifier } from './verifiers.js';

/** The verifiers that acknowledged to any replica within `countedSeconds`. */
export async function loadVerifiers(dataSource: DataSource, countedSeconds: number): Promise<Verifier[]> {
  const rows = await dataSource.query<(Omit<Verifier, 'seenAt' | 'clockSkewMs'> & { age: number })[]>(
    `SELECT service, instance, epoch::float8 AS epoch, kids, pins, at_ms AS at,
            extract(epoch FROM now - seen_at)::float8 AS age
       FROM verifier, clock_timestamp() AS now
      WHERE seen_at BETWEEN now - make_interval(secs => $1) AND now`,
    [countedSeconds],
  );
  return rows.map(({ age, ...row }) => ({
    ...row,
    seenAt: performance.now() - age * 1000,
    clockSkewMs: row.at - (Date.now() - age * 1000),
  }));
}

/** Saves acknowledgements and goodbyes in two SQL statements, and deletes the rows that are not counted any more. */
export async function saveVerifiers(
  dataSource: DataSource,
  { heard, left }: { heard: readonly Verifier[]; left: readonly InstanceName[] },
  countedSeconds: number,
): Promise<void> {
  const now = performance.now();
  const rows = heard.map(({ seenAt, ...ack }) => ({ ...ack, ageSeconds: (now - seenAt) / 1000 }));
  await dataSource.query(
    `INSERT INTO verifier (service, instance, epoch, kids, pins, at_ms, seen_at)
     SELECT service, instance, epoch, kids, pins, at, clock_timestamp() - make_interval(secs => "ageSeconds")
       FROM jsonb_to_recordset($1::jsonb)
         AS ack(service text, instance text, epoch bigint, kids jsonb, pins jsonb, at float8, "ageSeconds" float8)
      -- In one order, so that two replicas cannot deadlock.
      ORDER BY service, instance
     ON CONFLICT (service, instance) DO UPDATE SET epoch = excluded.epoch, kids = excluded.kids,
       pins = excluded.pins, at_ms = excluded.at_ms, seen_at = excluded.seen_at
     WHERE verifier.seen_at < excluded.seen_at OR verifier.seen_at > clock_timestamp()`,
    [JSON.stringify(rows)],
  );
  await dataSource.query(
    `DELETE FROM verifier
      WHERE seen_at NOT BETWEEN clock_timestamp() - make_interval(secs => $1) AND clock_timestamp()
         OR (service, instance) IN
              (SELECT service, instance FROM jsonb_to_recordset($2::jsonb) AS gone(service text, instance text))`,
    [countedSeconds, JSON.stringify(left)],
  );
}
