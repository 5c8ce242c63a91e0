import { expect } from '@jest/globals';
import { eventually } from '#testing';
import { exchange } from '../../infra/tour/exchange.js';
import { startExtraInstance, type ExtraInstance } from '../support/extra-instance.js';
import { scenario } from '../support/scenario.js';
import type { Grant, Ring } from '../support/scenario-system.js';
import { type Counts, timeUntil, type Traffic } from '../support/traffic.js';

const statementSeconds = 15;
// STATEMENT_SECONDS - STATEMENT_INTERVAL_SECONDS must be at least MAX_TOKEN_SECONDS + CLOCK_SKEW_SECONDS.
const periods = {
  auth: {
    ACCESS_TOKEN_SECONDS: '14',
    MAX_TOKEN_SECONDS: '14',
    CLOCK_SKEW_SECONDS: '0',
    STATEMENT_INTERVAL_SECONDS: '1',
    STATEMENT_SECONDS: `${statementSeconds}`,
  },
};

scenario(import.meta.url, periods, (system, step) => {
  let grants: Grant[];
  let traffic: Traffic;
  let extra: ExtraInstance;
  let exp: number;
  let pids: readonly number[];

  const resourceServices = ['orders', 'inventory'] as const;
  const pidsOf = () => resourceServices.map((name) => system.parts.running.services[name]!.pid);

  step('1. Log in, and send requests that never pause', async () => {
    pids = pidsOf();
    grants = [await system.grant('orders'), await system.grant('inventory')];
    const [orders, inventory] = grants as [Grant, Grant];
    traffic = system.traffic({
      orders: () => system.knock(orders),
      inventory: () => system.knock(inventory),
    });
    await traffic.untilAnswered(3);
  });

  step('2. Stop auth', async () => {
    await system.parts.kill('auth');
    await expect(system.grant('orders')).rejects.toThrow('got no answer');
    await traffic.untilAnswered(20);
    expectOnly(traffic.counts, [200]);
    for (const service of resourceServices)
      expect((await system.ask(service, 'GET /health/ready')).status).toBe(200);
  });

  step('3. Start another replica of orders while auth is away', async () => {
    extra = await startExtraInstance(system, 'orders');
    const { body: ring } = await exchange<Ring>('GET', `${extra.url}/trust`);
    expect(ring.statements.accepted).toEqual({ file: 1, http: 0, local: 0, nats: 0 });
    const { epoch, exp: expiry } = await system.ring('orders');
    expect({ epoch: ring.epoch, exp: ring.exp }).toEqual({ epoch, exp: expiry });
    exp = expiry!;
    const { token } = grants[0]!;
    expect((await exchange('GET', `${extra.url}/orders`, { token })).status).toBe(200);
    expect(
      (await exchange('GET', `${extra.url}/orders`, { token: `${token.slice(0, -8)}AAAAAAAA` })).status,
    ).toBe(401);
  });

  step('4. Wait until the last statement has expired', async () => {
    const lanes = () => Object.values(traffic.counts);
    await eventually(() => lanes().every((lane) => lane[503]! > 0), { timeoutMs: 20_000 });
    const expiredFor = Date.now() / 1000 - exp;
    expect(expiredFor).toBeGreaterThanOrEqual(0);
    expect(expiredFor).toBeLessThan(2);

    const accepted = lanes().map((lane) => lane[200]);
    await traffic.untilAnswered(20);
    expect(lanes().map((lane) => lane[200])).toEqual(accepted);
    expectOnly(await traffic.stop(), [200, 503]);
  });

  step('5. Look at the refusal', async () => {
    const { token } = grants[0]!;
    for (const url of [system.parts.urls['orders'], extra.url]) {
      const refused = await exchange('GET', `${url}/orders`, { token });
      expect(refused).toMatchObject({ status: 503, body: { code: 'trust_stale' } });
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(refused.headers.get('www-authenticate')).toBeNull();
    }
    for (const service of resourceServices) {
      expect((await system.ring(service)).freshness).toBe('stale');
      expect((await system.ask(service, 'GET /health/live')).status).toBe(200);
      expect(await system.ask(service, 'GET /health/ready')).toMatchObject({
        status: 503,
        body: { checks: { trust: { status: 'down', freshness: 'stale' } } },
      });
    }
    // What needs no token goes on.
    expect((await system.ask('inventory', 'GET /products')).status).toBe(200);
  });

  step('6. Start auth again', async () => {
    await system.parts.launch('auth');
    for (const audience of resourceServices) {
      const grant = await system.grant(audience);
      await timeUntil(200, () => system.knock(grant), { withinMs: 3_000 });
      expect((await system.ring(audience)).freshness).toBe('confirmed');
      expect((await system.ask(audience, 'GET /health/ready')).status).toBe(200);
    }
    const { token } = await system.grant('orders');
    expect((await exchange('GET', `${extra.url}/orders`, { token })).status).toBe(200);
    expect(pidsOf()).toEqual(pids);
  });
});

function expectOnly(counts: Counts, statuses: readonly number[]): void {
  for (const lane of Object.values(counts))
    expect(Object.keys(lane).filter((status) => !statuses.includes(Number(status)))).toEqual([]);
}
