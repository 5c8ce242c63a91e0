/** Sessions with a token for each service, made by the routes that everybody uses. */
import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import type { Credentials } from '../../infra/system/secrets.js';
import { guardedServices } from '../../infra/system/services.js';
import { exchange } from '../../infra/tour/exchange.js';
import { decode } from '../../infra/tour/tokens.js';

/** Where a token is shown. */
export const places: readonly string[] = ['auth', ...guardedServices.map(({ name }) => name)];

export interface Session {
  readonly sid: string;
  /** For each place. auth accepts tokens for any service. */
  readonly tokens: Readonly<Record<string, string>>;
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

type Person = Credentials['demo'];

/** An account has at most 100 sessions, and an address registers 20 accounts. */
const MOST_ACCOUNTS = 20;
const SESSIONS_EACH = 50;
/** auth hashes two passwords at a time. Others wait, and not many may. */
const LOGINS_AT_A_TIME = 4;

/** People who are customers and administrators, because no single role has scopes at every service. */
export async function registerPeople(auth: string, { admin }: Credentials, count: number): Promise<Person[]> {
  const people = Array.from({ length: Math.min(MOST_ACCOUNTS, Math.ceil(count / SESSIONS_EACH)) }, () => ({
    email: `${randomBytes(8).toString('hex')}@example.com`,
    password: randomBytes(18).toString('base64url'),
  }));
  const { access_token: token } = await post<Tokens>(`${auth}/auth/login`, 200, admin);
  for (const person of people) {
    const { id } = await post<{ id: string }>(`${auth}/auth/register`, 201, person);
    await exchange('PUT', `${auth}/admin/accounts/${id}/roles`, {
      token,
      body: { roles: ['customer', 'admin'] },
    });
  }
  return people;
}

/** Begins `count` sessions: a login gives the token for the first service, and refreshes those for the others. */
export function beginSessions(auth: string, people: readonly Person[], count: number): Promise<Session[]> {
  const limit = pLimit(LOGINS_AT_A_TIME);
  return limit.map(
    Array.from({ length: count }, (_session, index) => people[index % people.length]!),
    (person) => beginSession(auth, person),
  );
}

async function beginSession(auth: string, person: Person): Promise<Session> {
  const [first = '', ...others] = guardedServices.map(({ name }) => name);
  let got = await post<Tokens>(`${auth}/auth/login`, 200, { ...person, audience: first });
  const { access_token: token } = got;
  const tokens: Record<string, string> = { auth: token, [first]: token };
  for (const audience of others) {
    const body = { refresh_token: got.refresh_token, audience };
    got = await post<Tokens>(`${auth}/auth/refresh`, 200, body);
    tokens[audience] = got.access_token;
  }
  return { sid: String(decode(token).claims['sid']), tokens };
}

async function post<Body>(url: string, status: number, body: object): Promise<Body> {
  const answer = await exchange<Body>('POST', url, { body });
  if (answer.status !== status) throw new Error(`POST ${url} answered ${answer.status} ${answer.text}`);
  return answer.body;
}
