/**
 * Logs sessions out, one after the other, and shows their tokens to each service the whole time. The clock of the client
 * decides.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { places, type Session } from './sessions.js';
import type { Client, Shown } from './show.js';

/** One logout. Times are in ms of `performance.now()`. */
export interface Logout {
  readonly sid: string;
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly shown: Readonly<Record<string, readonly Shown[]>>;
}

/** How many sessions are logged out at a time. */
const AT_A_TIME = 2;
/** Each session shows its token to each service this often, one request at a time. */
const EVERY_MS = 5;
/** From the first acceptance everywhere to the logout. Two logouts that begin together drift apart by the rest. */
const BEFORE_MS = { least: 15, rest: 10 };
/** A service is done with when it has refused so often in a row, after the answer to the logout. */
const REFUSALS = 6;
const PATIENCE_MS = 10_000;
/** Other sessions show their tokens this often. They are not logged out, so nobody may refuse them. */
const BESIDE_EVERY_MS = 20;

export async function logOutAll(client: Client, sessions: readonly Session[]): Promise<Logout[]> {
  return pLimit(AT_A_TIME).map(sessions, (session) => logOut(client, session));
}

async function logOut(client: Client, { sid, tokens }: Session): Promise<Logout> {
  const shown: Record<string, Shown[]> = Object.fromEntries(places.map((place) => [place, []]));
  const logout = { sentAt: Infinity, answeredAt: Infinity };
  const deadline = performance.now() + PATIENCE_MS;
  const lanes = places.map(async (place) => {
    while (!isDone(shown[place]!, logout)) {
      if (performance.now() > deadline) throw new Error(`${place} still accepts a token of ${sid}`);
      await every(EVERY_MS, async () => shown[place]!.push(await client.show(place, tokens[place]!)));
    }
  });
  const order = async () => {
    while (!places.every((place) => shown[place]!.length > 0)) await sleep(1);
    await sleep(BEFORE_MS.least + Math.random() * BEFORE_MS.rest);
    Object.assign(logout, await client.logOut(tokens['auth']!));
  };
  await Promise.all([...lanes, order()]);
  return { sid, ...logout, shown };
}

function isDone(shown: readonly Shown[], { answeredAt }: { answeredAt: number }): boolean {
  const last = shown.slice(-REFUSALS);
  return (
    last.length === REFUSALS && last.every((each) => each.verdict === 'refused' && each.sentAt > answeredAt)
  );
}

/** Shows the tokens of these sessions until it is stopped. Then returns what became of them. */
export function showBeside(client: Client, sessions: readonly Session[]) {
  const counts = { accepted: 0, refused: 0, strange: 0 };
  let isStopping = false;
  const lanes = places.map(async (place) => {
    for (let turn = 0; !isStopping; turn += 1) {
      const { tokens } = sessions[turn % sessions.length]!;
      await every(BESIDE_EVERY_MS, async () => {
        counts[(await client.show(place, tokens[place]!)).verdict] += 1;
      });
    }
  });
  return {
    async stop() {
      isStopping = true;
      await Promise.all(lanes);
      return counts;
    },
  };
}

async function every(ms: number, work: () => Promise<unknown>): Promise<void> {
  const begun = performance.now();
  await work();
  await sleep(Math.max(0, ms - (performance.now() - begun)));
}

/** From sending the logout to the arrival of the last acceptance, in ms. 0 if all came before. */
export function lastAcceptedMs({ sentAt, shown }: Logout, place: string): number {
  const last = shown[place]!.findLast(({ verdict }) => verdict === 'accepted');
  return Math.max(0, (last?.answeredAt ?? 0) - sentAt);
}

/** How many requests were accepted that were sent after this moment. */
export function acceptedAfter({ shown }: Logout, place: string, moment: number): number {
  return shown[place]!.filter((each) => each.verdict === 'accepted' && each.sentAt > moment).length;
}

/** How many requests were accepted that were sent after this service had refused the session. */
export function acceptedAgain(logout: Logout, place: string): number {
  const refused = logout.shown[place]!.find(({ verdict }) => verdict === 'refused');
  return refused ? acceptedAfter(logout, place, refused.answeredAt) : 0;
}
