/**
 * A day of logins, and nobody logs out: people close the browser. Only the clock of the instances is moved. Each login is
 * a real one.
 */
import type { Fleet } from '../fleet/fleet.js';

const HOURS = 24;
const HOUR = 3_600;

export interface Ghosts {
  readonly logins: number;
  /** Stored sessions at the end of the day, in all instances or in the store. */
  readonly stored: number;
  /** Stored sessions that had expired: the ghosts. Cleaning removed them. */
  readonly removed: number;
  /** Stored sessions after that. */
  readonly left: number;
  /** Answers to credentials of the first hour and of the last hour, after the cleaning. */
  readonly first: readonly (string | number)[];
  readonly last: readonly (string | number)[];
}

/** All who were logged in before are logged out. @param perHour a multiple of 3 */
export async function dayWithoutLogouts(
  fleet: Fleet,
  perHour: number,
  rowsInStore: () => Promise<number>,
): Promise<Ghosts> {
  await advance(fleet, HOUR);
  await sweep(fleet);
  const byHour: string[][] = [];
  for (let hour = 1; hour <= HOURS; hour += 1) {
    if (hour > 1) await advance(fleet, HOUR);
    byHour.push(await logIn(fleet, perHour));
  }
  const stored = await storedIn(fleet, rowsInStore);
  const removed = await sweep(fleet);
  const result: Ghosts = {
    logins: byHour.flat().length,
    stored,
    removed,
    left: await storedIn(fleet, rowsInStore),
    first: await answersTo(fleet, byHour[0]!),
    last: await answersTo(fleet, byHour.at(-1)!),
  };
  await advance(fleet, HOUR);
  await sweep(fleet);
  await advance(fleet, -(HOURS + 1) * HOUR);
  return result;
}

async function logIn({ instances, issuer }: Fleet, users: number): Promise<string[]> {
  const accounts = Array.from({ length: users / instances.length }, (_, i) => `user-${i}`);
  const credentials: string[][] = [];
  for (const instance of instances)
    credentials.push(
      issuer
        ? accounts.map((account) => issuer.logIn(account))
        : await instance.ask<string[]>({ ask: 'logIn', accounts }),
    );
  return credentials.flat();
}

async function advance({ instances }: Fleet, seconds: number): Promise<void> {
  await Promise.all(instances.map((instance) => instance.ask({ ask: 'advanceClock', seconds })));
}

const sweep = (fleet: Fleet): Promise<number> =>
  sum(fleet, (instance) => instance.ask<number>({ ask: 'sweep' }));

async function storedIn(fleet: Fleet, rowsInStore: () => Promise<number>): Promise<number> {
  if (fleet.way === 'store') return rowsInStore();
  return sum(fleet, async (instance) => (await instance.ask<string[]>({ ask: 'idsInMemory' })).length);
}

async function sum(
  { instances }: Fleet,
  count: (instance: Fleet['instances'][number]) => Promise<number>,
): Promise<number> {
  return (await Promise.all(instances.map(count))).reduce((a, b) => a + b, 0);
}

const answersTo = (fleet: Fleet, credentials: readonly string[]): Promise<(string | number)[]> =>
  Promise.all([0, credentials.length - 1].map((i) => fleet.me(credentials[i]!)));
