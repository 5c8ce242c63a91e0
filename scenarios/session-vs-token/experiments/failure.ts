/** What users notice when a part fails. */
import pLimit from 'p-limit';
import { exchange } from '../../../infra/tour/exchange.js';
import type { Fleet } from '../fleet/fleet.js';

const INSTANCES = 3;
const atATime = 8;

/** A user logs in and sends three requests, and the balancer gives each to another instance. */
export async function plainRoundRobin(fleet: Fleet): Promise<{ accepted: number; requests: number }> {
  const { balancer } = fleet;
  const { sticky } = balancer;
  balancer.sticky = false;
  try {
    const credential = await fleet.logIn('round-robin');
    let accepted = 0;
    for (let i = 0; i < INSTANCES; i += 1) if ((await fleet.me(credential)) === 'round-robin') accepted += 1;
    return { accepted, requests: INSTANCES };
  } finally {
    balancer.sticky = sticky;
  }
}

/** Logs users in, as many at each instance. */
export function logInUsers(fleet: Fleet, users: number): Promise<string[]> {
  return pLimit(atATime).map(nameUsers(users), (account) => fleet.logIn(account));
}

/** @param kill is called when half of the users have sent their first request */
export async function instanceDies(
  fleet: Fleet,
  users: number,
): Promise<{ users: number; loggedOut: number; unanswered: number }> {
  const credentials = await logInUsers(fleet, users);
  let sent = 0;
  const ask = async (credential: string) => {
    sent += 1;
    // Requests are under way while the instance dies.
    if (sent === Math.ceil(users / 2)) await fleet.instances[0]!.kill();
    return status(fleet, credential);
  };
  const during = await pLimit(atATime).map(credentials, ask);
  const after = await pLimit(atATime).map(credentials, (credential) => status(fleet, credential));
  return {
    users,
    loggedOut: after.filter((answer) => answer === 401).length,
    unanswered: [...during, ...after].filter((answer) => answer >= 500).length,
  };
}

/** Returns how many of these users can work while a part is away, and whether somebody can log in. */
export async function whileAway(
  fleet: Fleet,
  credentials: readonly string[],
): Promise<{ users: number; canWork: number; canLogIn: boolean }> {
  const answers = await pLimit(atATime).map(credentials, (credential) => status(fleet, credential));
  const login = await exchange('POST', `${fleet.balancer.url}/login`, { body: { account: 'late' } });
  return {
    users: credentials.length,
    canWork: answers.filter((answer) => answer === 200).length,
    canLogIn: login.status === 200,
  };
}

const nameUsers = (users: number): string[] => Array.from({ length: users }, (_, i) => `user-${i}`);

async function status(fleet: Fleet, token: string): Promise<number> {
  return (await exchange('GET', `${fleet.balancer.url}/me`, { token })).status;
}
