/** What 100,000 users take: in the memory of an instance, and in the store. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from '../fleet/fleet.js';
import type { Lab } from '../fleet/lab.js';
import { MANY, timesOf } from './speed.js';

export const USERS = 100_000;

export interface Memory {
  /** Bytes in one instance. */
  readonly server: number;
  /** Bytes in the store, with its indexes. */
  readonly store: number;
}

/** Users log in, and so many of them send a request that no verifier can remember more tokens. */
export async function memoryOfUsers(lab: Lab, fleet: Fleet): Promise<Memory> {
  const [instance] = fleet.instances;
  const url = `${instance!.url}/me`;
  // What the first requests allocate does not belong to the users.
  await timesOf({ url, credentials: await logIn(lab, fleet, 1) }, 500);
  const storeBefore = await lab.storeBytes();
  const before = await instance!.ask<number>({ ask: 'memory' });
  const credentials = await logIn(lab, fleet, USERS);
  await timesOf({ url, credentials: credentials.slice(0, MANY) }, MANY);
  const server = (await instance!.ask<number>({ ask: 'memory' })) - before;
  return { server, store: fleet.way === 'store' ? (await lab.storeBytes()) - storeBefore : 0 };
}

async function logIn(lab: Lab, { way, instances, issuer }: Fleet, users: number): Promise<string[]> {
  const accounts = Array.from({ length: users }, (_, i) => `user-${i}`);
  switch (way) {
    case 'memory':
      return instances[0]!.ask<string[]>({ ask: 'logIn', accounts });
    case 'store':
      return lab.storeSessions(accounts);
    // The client alone keeps a token. So tokens that are not sent need not be made.
    case 'shared-secret':
      return instances[0]!.ask<string[]>({ ask: 'logIn', accounts: accounts.slice(0, MANY) });
    case 'public-key':
      return accounts.slice(0, MANY).map((account) => issuer!.logIn(account));
  }
}

/** Bytes that a logout costs each verifier with a public key, until the token has expired. */
export async function memoryOfLogouts(fleet: Fleet, logouts: number): Promise<number> {
  const [instance] = fleet.instances;
  const issuer = fleet.issuer!;
  const tokens = Array.from({ length: logouts }, (_, i) => issuer.logIn(`user-${i}`));
  const before = await instance!.ask<number>({ ask: 'memory' });
  for (const token of tokens) issuer.logOut(token);
  const deadline = Date.now() + 30_000;
  while ((await fleet.me(tokens.at(-1)!, instance!.url)) !== 401) {
    if (Date.now() > deadline) throw new Error('the last logout was not seen within 30 s');
    await sleep(50);
  }
  return ((await instance!.ask<number>({ ask: 'memory' })) - before) / logouts;
}
