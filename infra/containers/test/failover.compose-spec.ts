/**
 * Replicas are killed and servers restarted under load that goes through the proxy, as any client's would. Reads fail
 * at no time but while PostgreSQL restarts, and then with 503 and Retry-After; no order is lost or made twice.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { services } from '../../composition/services.js';
import { exchange } from '../../tour/exchange.js';
import { portOf } from '../layout.js';
import { compose, containersOf, docker, inside, login, urlOf } from './docker.js';

interface Failure {
  lane: string;
  outcome: string;
  retryAfter: string | null;
  at: number;
}

const urls: Record<string, string> = {};
const person = {
  email: `failover-${randomUUID()}@example.com`,
  password: randomBytes(18).toString('base64url'),
};
const tokens: string[] = [];
const stopping = new AbortController();
const wanted = new Set<string>();
const placed = new Map<string, string>();
let reads = 0;
let failures: Failure[] = [];
let lastRead: Record<string, number> = {};
let load: Promise<unknown>;

beforeAll(async () => {
  const scale = ['auth=2', 'orders=3', 'inventory=2'].flatMap((replicas) => ['--scale', replicas]);
  await compose('up', '--detach', '--wait', '--no-build', ...scale);
  for (const row of services) urls[row.name] = await urlOf(row.name, portOf(row));
  expect((await exchange('POST', `${urls['auth']}/auth/register`, { body: person })).status).toBe(201);
  await logIn();
  load = Promise.all([
    reader('orders', () => ({ url: `${urls['orders']}/orders?limit=1`, token: tokens.at(-1)! })),
    reader('inventory', () => ({ url: `${urls['inventory']}/products` })),
    reader('auth', () => ({ url: `${urls['auth']}/.well-known/jwks.json` })),
    buyer(),
  ]);
}, 180_000);

afterAll(async () => {
  stopping.abort();
  await load;
});

describe('under load', () => {
  it.each(['orders', 'inventory', 'auth'])('a replica of %s is killed, and no read fails', async (name) => {
    const [victim] = await containersOf(name);
    const restarts = await restartsOf(victim!);
    // The way of a crash: `docker kill` would be taken for a wish, and the container not be started again.
    await inside(victim!, `process.kill(-1, 'SIGKILL'); process.kill(process.pid, 'SIGKILL');`).catch(
      () => undefined,
    );
    await until(async () => (await restartsOf(victim!)) > restarts, 30_000);
    await sleep(3_000);
    await healthy(name);
    expect(take(`kill -9 of one ${name}`)).toEqual([]);
  });

  it('the signing key is rotated, and no read fails', async () => {
    const admin = await login('admin');
    const { body } = await exchange<{ access_token: string }>('POST', `${urls['auth']}/auth/login`, {
      body: admin,
    });
    const rotated = await exchange('POST', `${urls['auth']}/admin/keys/rotate`, {
      token: body.access_token,
      body: {},
    });
    expect([200, 202]).toContain(rotated.status);
    await sleep(2_000);
    await logIn();
    expect(take('rotation')).toEqual([]);
  });

  it('NATS is restarted, and no read fails', async () => {
    await compose('restart', 'nats');
    await healthy('nats');
    await sleep(3_000);
    expect(take('restart of NATS')).toEqual([]);
  });

  it('PostgreSQL is restarted: only 503 with Retry-After, and success within 5 s', async () => {
    await compose('restart', 'postgres');
    const [server] = await containersOf('postgres');
    await until(
      () =>
        docker('exec', server!, 'pg_isready', '--host=127.0.0.1').then(
          () => true,
          () => false,
        ),
      30_000,
    );
    const accepts = Date.now();
    await until(() => (lastRead['orders'] ?? 0) > accepts, 5_000);
    say(`PostgreSQL: the first read succeeded ${lastRead['orders']! - accepts} ms after it accepts`);
    const failed = take('restart of PostgreSQL');
    expect(failed.filter(({ outcome, retryAfter }) => outcome !== '503' || retryAfter === null)).toEqual([]);
  });

  it('no order was lost, none made twice', async () => {
    stopping.abort();
    await load;
    const listed: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { body: { items: { id: string }[]; nextCursor: string | null } } = await exchange(
        'GET',
        `${urls['orders']}/orders?limit=100${cursor && `&cursor=${cursor}`}`,
        { token: tokens.at(-1)! },
      );
      listed.push(...page.body.items.map(({ id }) => id));
      cursor = page.body.nextCursor;
    }
    say(`${reads} reads; ${wanted.size} orders wanted, ${placed.size} confirmed, ${listed.length} there`);
    expect(placed.size).toBe(wanted.size);
    expect(listed.sort()).toEqual([...placed.values()].sort());
  });

  it('every token is good on every replica', async () => {
    for (const replica of await containersOf('orders')) {
      const statuses = await inside<number[]>(
        replica,
        `return Promise.all(${JSON.stringify(tokens)}.map((token) =>
          fetch('http://127.0.0.1:' + process.env.PORT + '/orders', { headers: { authorization: 'Bearer ' + token } }).then(({ status }) => status)));`,
      );
      expect(statuses).toEqual(tokens.map(() => 200));
    }
  });
});

async function logIn(): Promise<void> {
  const body = { ...person, audience: 'orders' };
  const answer = await exchange<{ access_token: string }>('POST', `${urls['auth']}/auth/login`, { body });
  expect(answer.status).toBe(200);
  tokens.push(answer.body.access_token);
}

async function reader(lane: string, next: () => { url: string; token?: string }): Promise<void> {
  while (!stopping.signal.aborted) {
    const { url, token } = next();
    const answer = await exchange('GET', url, token === undefined ? {} : { token }).catch(
      (error: Error) => error,
    );
    reads += 1;
    if (!(answer instanceof Error) && answer.status === 200) lastRead = { ...lastRead, [lane]: Date.now() };
    else {
      const outcome = answer instanceof Error ? answer.message : `${answer.status}`;
      const retryAfter = answer instanceof Error ? null : answer.headers.get('retry-after');
      failures.push({ lane, outcome, retryAfter, at: Date.now() });
    }
    await sleep(25);
  }
}

/** Places orders, and repeats each under its Idempotency-Key until it is answered 201, as a careful client does. */
async function buyer(): Promise<void> {
  const body = { lines: [{ sku: 'WAX-RED', quantity: 1 }] };
  while (!stopping.signal.aborted) {
    const key = randomUUID();
    wanted.add(key);
    const headers = { 'idempotency-key': key };
    await until(async () => {
      const answer = await exchange<{ id: string }>('POST', `${urls['orders']}/orders`, {
        token: tokens.at(-1)!,
        headers,
        body,
      }).catch(() => undefined);
      if (answer?.status === 201) placed.set(key, answer.body.id);
      return answer?.status === 201;
    }, 60_000);
    await sleep(100);
  }
}

/** How often Docker has started a container again after it crashed. */
async function restartsOf(container: string): Promise<number> {
  return Number(await docker('inspect', '--format', '{{.RestartCount}}', container));
}

/** A line of the report, without the place in the code that jest would add. */
function say(line: string): void {
  process.stderr.write(`  ${line}\n`);
}

/** What failed since the last time, and how many reads there were. */
function take(event: string): Failure[] {
  const taken = failures;
  failures = [];
  say(`${event}: ${reads} reads so far, ${taken.length} failed`);
  return taken;
}

async function healthy(service: string): Promise<void> {
  await until(async () => {
    const states = await compose('ps', '--format', '{{.Health}}', service);
    return states.split('\n').every((state) => state === 'healthy');
  }, 60_000);
}

async function until(holds: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${holds.toString()}`);
    await sleep(100);
  }
}
