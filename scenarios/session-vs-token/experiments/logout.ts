/** How long it takes until every instance refuses what a user has logged out with. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from '../fleet/fleet.js';

export interface Logout {
  /** From sending the logout until no instance accepted any more; undefined if that did not happen within `waitMs`. */
  readonly seenMs: number | undefined;
  /** How many instances still accepted at the end. */
  readonly stillAccepting: number;
}

export async function logOut(fleet: Fleet, { waitMs }: { waitMs: number }): Promise<Logout> {
  const account = 'leaving';
  const credential = await fleet.logIn(account);
  const first = await accepting(fleet, credential, account);
  // A session in memory is known to one instance only.
  if (first !== (fleet.way === 'memory' ? 1 : 3)) throw new Error(`${first} instances accepted the login`);
  const begun = performance.now();
  await fleet.logOut(credential);
  for (;;) {
    const stillAccepting = await accepting(fleet, credential, account);
    const passedMs = performance.now() - begun;
    if (stillAccepting === 0) return { seenMs: passedMs, stillAccepting };
    if (passedMs > waitMs) return { seenMs: undefined, stillAccepting };
    await sleep(1);
  }
}

async function accepting(fleet: Fleet, credential: string, account: string): Promise<number> {
  const answers = await Promise.all(fleet.instances.map(({ url }) => fleet.me(credential, url)));
  return answers.filter((answer) => answer === account).length;
}
