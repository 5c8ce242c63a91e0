/** What is asked of a running system to learn how much one process of each service bears. */
import { randomBytes } from 'node:crypto';
import type { Credentials } from '../../infra/system/secrets.js';
import { guardedServices } from '../../infra/system/services.js';
import { exchange } from '../../infra/tour/exchange.js';

/** Requests of one kind, sent as fast as they are answered. */
export interface Lane {
  readonly title: string;
  readonly url: string;
  /** The lane of the same run that this one is set against. */
  readonly against: string | undefined;
  /** The only status that counts as an answer. */
  readonly status: number;
  readonly method: 'GET' | 'POST';
  readonly headers: Record<string, string>;
  /** Sent in turn. */
  readonly bodies: readonly string[];
  /** How many requests are on their way at a time. */
  readonly connections: number;
}

/** The title of what hashing alone bears; it is measured without HTTP. */
export const hashing = 'argon2id alone, two at a time';

const connections = 16;
const live = 'GET /health/live';
const json = { 'content-type': 'application/json' };
const get = { method: 'GET', status: 200, headers: {}, bodies: [], connections } as const;
const post = { method: 'POST', headers: json, connections } as const;
export const buyers = 64;
const manyLogins = 32;
/** The title of the lane in which signing is timed. */
export const crowdedLogin = `POST /auth/login, ${manyLogins} at a time`;

/** Prepares accounts and a token, and gives the lanes over them. */
export async function prepareLanes(
  urls: Readonly<Record<string, string>>,
  credentials: Credentials,
): Promise<readonly Lane[]> {
  const auth = urls['auth']!;
  const { name, guardedRoute } = guardedServices[0]!;
  const token = await tokenOf(auth, { ...credentials.demo, audience: name });
  const people = Array.from({ length: buyers }, () => ({
    email: `${randomBytes(8).toString('hex')}@example.com`,
    password: randomBytes(18).toString('base64url'),
  }));
  for (const body of people) await expecting(201, 'POST', `${auth}/auth/register`, { body });

  const { route, body: sent } = guardedRoute;
  const [method = '', path = ''] = route.split(' ');
  return [
    { ...get, title: live, url: `${urls[name]}/health/live`, against: undefined },
    {
      method: method as Lane['method'],
      title: `${route}, with a forged signature`,
      url: `${urls[name]}${path}`,
      status: 401,
      headers: { ...(sent && json), authorization: `Bearer ${forged(token)}` },
      bodies: sent ? [JSON.stringify(sent)] : [],
      connections,
      against: live,
    },
    // #region demo
    ...(await shopLanes(urls, credentials, token)),
    // #endregion demo
    { ...get, title: 'GET /.well-known/keyset', url: `${auth}/.well-known/keyset`, against: live },
    ...[4, manyLogins].map((inFlight) => ({
      ...post,
      title: inFlight === 4 ? 'POST /auth/login' : crowdedLogin,
      url: `${auth}/auth/login`,
      status: 200,
      bodies: people.map((person) => JSON.stringify(person)),
      connections: inFlight,
      against: hashing,
    })),
  ];
}

// #region demo
/** Prepares stock, and orders to list. */
async function shopLanes(
  urls: Readonly<Record<string, string>>,
  { admin }: Credentials,
  token: string,
): Promise<Lane[]> {
  const { auth, orders, inventory } = urls as Record<'auth' | 'orders' | 'inventory', string>;
  // Each order takes goods out of stock, and there are many.
  const stockKeeper = await tokenOf(auth, { ...admin, audience: 'inventory' });
  const full = { token: stockKeeper, body: { stock: 1_000_000 } };
  await expecting(200, 'PUT', `${inventory}/products/WAX-RED/stock`, full);
  const order = JSON.stringify({ lines: [{ sku: 'WAX-RED', quantity: 1 }] });
  for (let n = 0; n < 20; n += 1) {
    await expecting(201, 'POST', `${orders}/orders`, { token, body: JSON.parse(order) as unknown });
  }
  const bearer = { authorization: `Bearer ${token}` };
  return [
    {
      ...get,
      title: 'GET /orders, 20 on the page',
      url: `${orders}/orders?limit=20`,
      headers: bearer,
      against: live,
    },
    {
      ...post,
      title: 'POST /orders, priced and reserved',
      url: `${orders}/orders`,
      status: 201,
      headers: { ...json, ...bearer },
      bodies: [order],
      against: live,
    },
    { ...get, title: 'GET /products/WAX-RED, public', url: `${inventory}/products/WAX-RED`, against: live },
  ];
}
// #endregion demo

async function tokenOf(auth: string, person: Credentials['demo'] & { audience?: string }): Promise<string> {
  const login = await expecting<{ access_token: string }>(200, 'POST', `${auth}/auth/login`, {
    body: person,
  });
  return login.access_token;
}

async function expecting<Body>(status: number, ...request: Parameters<typeof exchange>): Promise<Body> {
  const answer = await exchange<Body>(...request);
  if (answer.status !== status) throw new Error(`${request[0]} ${request[1]} answered ${answer.status}`);
  return answer.body;
}

/** The same claims under the same kid with a signature that is well formed and wrong: it costs a verification. */
function forged(token: string): string {
  const [header, payload] = token.split('.');
  return `${header}.${payload}.${randomBytes(64).toString('base64url')}`;
}
