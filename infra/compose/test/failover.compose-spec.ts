/**
 * Kills replicas and restarts servers under load. No read fails, except while PostgreSQL restarts. Those reads get 503 with
 * Retry-After. No order is lost or made twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exchange } from '../../tour/exchange.js';
import { compose, containersOf, docker, inside, login } from './docker.js';
import { healthy, Load, say, startScaled, until } from './load.js';

let load: Load;
beforeAll(async () => {
  await startScaled();
  load = await Load.start();
}, 180_000);
afterAll(() => load.stop());

describe('under load', () => {
  it.each(['orders', 'inventory', 'auth'])('a replica of %s is killed, and no read fails', async (name) => {
    const [victim] = await containersOf(name);
    const restarts = await restartsOf(victim!);
    // The process must crash by itself. After `docker kill`, Docker would not start the container again.
    await inside(victim!, `process.kill(-1, 'SIGKILL'); process.kill(process.pid, 'SIGKILL');`).catch(
      () => undefined,
    );
    await until(async () => (await restartsOf(victim!)) > restarts, 30_000);
    await sleep(3_000);
    await healthy(name);
    expect(failedReads(`kill -9 of one ${name}`)).toEqual([]);
  });

  it('the signing key is rotated, and no read fails', async () => {
    const { auth } = load.urls;
    const body = await login('admin');
    const admin = await exchange<{ access_token: string }>('POST', `${auth}/auth/login`, { body });
    const parts = { token: admin.body.access_token, body: {} };
    const rotated = await exchange('POST', `${auth}/admin/keys/rotate`, parts);
    expect([200, 202]).toContain(rotated.status);
    await sleep(2_000);
    await load.logIn();
    expect(failedReads('rotation')).toEqual([]);
  });

  it('NATS is restarted, and no read fails', async () => {
    await compose('restart', 'nats');
    await healthy('nats');
    await sleep(3_000);
    expect(failedReads('restart of NATS')).toEqual([]);
  });

  it('PostgreSQL is restarted: only 503 with Retry-After, and success within 5 s', async () => {
    await compose('restart', 'postgres');
    const [server] = await containersOf('postgres');
    const asked = () => docker('exec', server!, 'pg_isready', '--host=127.0.0.1');
    await until(
      () =>
        asked().then(
          () => true,
          () => false,
        ),
      30_000,
    );
    const accepts = Date.now();
    const last = () => load.lastRead.get('orders') ?? 0;
    await until(() => last() > accepts, 5_000);
    say(`PostgreSQL: the first read succeeded ${last() - accepts} ms after it accepts`);
    const failed = failedReads('restart of PostgreSQL');
    expect(failed.filter(({ outcome, retryAfter }) => outcome !== '503' || retryAfter === null)).toEqual([]);
  });

  it('no order was lost or made twice', async () => {
    await load.stop();
    const listed: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { body: { items: { id: string }[]; nextCursor: string | null } } = await exchange(
        'GET',
        `${load.urls['orders']}/orders?limit=100${cursor && `&cursor=${cursor}`}`,
        { token: load.tokens.at(-1)! },
      );
      listed.push(...page.body.items.map(({ id }) => id));
      cursor = page.body.nextCursor;
    }
    const placed = [...load.wanted.values()];
    const confirmed = placed.filter((id) => id !== undefined).length;
    say(
      `${load.reads} reads; ${placed.length} orders wanted, ${confirmed} confirmed, ${listed.length} there`,
    );
    expect(placed).not.toContain(undefined);
    expect(listed.sort()).toEqual(placed.sort());
  });

  it('every token is good on every replica', async () => {
    for (const replica of await containersOf('orders')) {
      const statuses = await inside<number[]>(
        replica,
        `return Promise.all(${JSON.stringify(load.tokens)}.map((token) =>
          fetch('http://127.0.0.1:' + process.env.PORT + '/orders', { headers: { authorization: 'Bearer ' + token } }).then(({ status }) => status)));`,
      );
      expect(statuses).toEqual(load.tokens.map(() => 200));
    }
  });
});

/** The failed requests without orders: buyers repeat an order until it succeeds, and the last test counts the orders. */
function failedReads(event: string) {
  return load.take(event).filter(({ lane }) => lane !== 'order');
}

/** How often Docker has restarted a container after a crash. */
async function restartsOf(container: string): Promise<number> {
  return Number(await docker('inspect', '--format', '{{.RestartCount}}', container));
}
