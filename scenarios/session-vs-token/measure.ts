/** Makes all experiments on one lab, one after another. */
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesPerRequest, lookUpsPerRequest } from './experiments/cost.js';
import { instanceDies, logInUsers, plainRoundRobin, whileAway } from './experiments/failure.js';
import { dayWithoutLogouts, type Ghosts } from './experiments/ghost-rows.js';
import { logOut, type Logout } from './experiments/logout.js';
import { memoryOfLogouts, memoryOfUsers, type Memory } from './experiments/memory.js';
import { race, type Lane, type Speed, type SpeedPlan } from './experiments/speed.js';
import { attack, type Attempt } from './experiments/stolen-instance.js';
import type { Fleet } from './fleet/fleet.js';
import type { Lab } from './fleet/lab.js';
import type { WayName } from './ways/way.js';

export const wayNames = ['memory', 'store', 'shared-secret', 'public-key'] as const;

export type LaneName = WayName | 'public-key, new tokens';

export interface WayResult {
  readonly roundRobin: { readonly accepted: number; readonly requests: number };
  readonly bytes: { readonly request: number; readonly credential: number };
  readonly lookUps: number;
  readonly logouts: readonly Logout[];
  readonly attempts: readonly Attempt[];
  readonly ghosts: Ghosts;
  readonly memory: Memory;
  readonly death: { readonly users: number; readonly loggedOut: number; readonly unanswered: number };
  /** While the store is away, or the issuer. Undefined where an instance needs no other part. */
  readonly away: Awaited<ReturnType<typeof whileAway>> | undefined;
}

export interface Results {
  readonly ways: Readonly<Record<WayName, WayResult>>;
  readonly speed: Readonly<Record<LaneName, Speed>>;
  /** Bytes that each logout costs each verifier with a public key. */
  readonly logoutBytes: number;
}

const plan = { users: 300, logouts: 20, loginsPerHour: 999, logoutsForMemory: 5_000 };
const speedPlan: SpeedPlan = { rounds: 5, seconds: 1, timedRequests: 1_000 };

export async function measure(lab: Lab, log: (line: string) => void): Promise<Results> {
  const each = async <T>(what: string, run: (fleet: Fleet) => Promise<T>): Promise<Record<WayName, T>> => {
    const results = {} as Record<WayName, T>;
    for (const way of wayNames) results[way] = await run(lab.fleets[way]);
    log(what);
    return results;
  };
  const ghosts = await each('a day of logins without logout', (fleet) =>
    dayWithoutLogouts(fleet, plan.loginsPerHour, () => lab.rowsInStore()),
  );
  const roundRobin = await each('a plain round-robin balancer', plainRoundRobin);
  const bytes = await each('bytes of a request', bytesPerRequest);
  const lookUps = await each('look-ups', (fleet) => lookUpsPerRequest(fleet, 100));
  const logouts = await each('logouts', manyLogouts);
  const attempts = await each('a stolen instance', attack);
  const memory = await each('memory of 100,000 users', (fleet) => memoryOfUsers(lab, fleet));
  const speed = await race(await lanesOf(lab), speedPlan, log);
  const logoutBytes = await memoryOfLogouts(lab.fleets['public-key'], plan.logoutsForMemory);
  log(`memory of ${plan.logoutsForMemory} logouts`);
  const death = await each('one instance of three is killed', (fleet) => instanceDies(fleet, plan.users));
  const away = await withoutStoreAndIssuer(lab);
  log('the store and the issuer are stopped');
  const ways = Object.fromEntries(
    wayNames.map((way): [WayName, WayResult] => [
      way,
      {
        roundRobin: roundRobin[way],
        bytes: bytes[way],
        lookUps: lookUps[way],
        logouts: logouts[way],
        attempts: attempts[way],
        ghosts: ghosts[way],
        memory: memory[way],
        death: death[way],
        away: away[way],
      },
    ]),
  ) as Record<WayName, WayResult>;
  return { ways, speed, logoutBytes };
}

/** Where the first logout is not seen, one is enough. */
async function manyLogouts(fleet: Fleet): Promise<Logout[]> {
  const logouts: Logout[] = [];
  for (let i = 0; i < plan.logouts; i += 1) {
    const logout = await logOut(fleet, { waitMs: 3_000 });
    logouts.push(logout);
    if (logout.seenMs === undefined) break;
    await sleep(20);
  }
  return logouts;
}

/** Each lane has an instance of its own. */
async function lanesOf({ fleets }: Lab): Promise<Record<LaneName, Lane>> {
  const accounts = Array.from({ length: 1_000 }, (_, i) => `user-${i}`);
  const lane = async (fleet: Fleet): Promise<Lane> => {
    const [instance] = fleet.instances;
    const { issuer } = fleet;
    const credentials = issuer
      ? accounts.map((account) => issuer.logIn(account))
      : await instance!.ask<string[]>({ ask: 'logIn', accounts });
    return { url: `${instance!.url}/me`, credentials: () => credentials };
  };
  const { issuer, instances } = fleets['public-key'];
  return {
    memory: await lane(fleets.memory),
    store: await lane(fleets.store),
    'shared-secret': await lane(fleets['shared-secret']),
    'public-key': await lane(fleets['public-key']),
    'public-key, new tokens': {
      url: `${instances[1]!.url}/me`,
      credentials: (count) => Array.from({ length: count }, (_, i) => issuer!.logIn(`user-${i}`)),
    },
  };
}

/** To be called last. */
async function withoutStoreAndIssuer(lab: Lab): Promise<Partial<Record<WayName, WayResult['away']>>> {
  const { store, 'public-key': tokens } = lab.fleets;
  const sessions = await logInUsers(store, plan.users);
  const signed = await logInUsers(tokens, plan.users);
  await Promise.all([lab.stopStore(), lab.issuer.stop()]);
  return { store: await whileAway(store, sessions), 'public-key': await whileAway(tokens, signed) };
}
