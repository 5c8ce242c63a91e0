import { expect } from '@jest/globals';
import { eventually } from '#testing';
import { exchange } from '../../infra/tour/exchange.js';
import { startExtraInstance, type ExtraInstance } from '../support/extra-instance.js';
import { scenario } from '../support/scenario.js';
import { guarded, mainService, type Grant, type Ring } from '../support/scenario-system.js';
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

  const pidsOf = () => guarded.map((name) => system.parts.running.services[name]!.pid);

  step('1. Log in, and send requests that never pause', async () => {
    pids = pidsOf();
    grants = await system.grants();
    traffic = system.traffic(system.lanes(grants));
    await traffic.untilAnswered(3);
  });

  step('2. Stop auth', async () => {
    await system.parts.kill('auth');
    await expect(system.grant()).rejects.toThrow('got no answer');
    await traffic.untilAnswered(20);
    expectOnly(traffic.counts, [200]);
    for (const service of guarded) expect((await system.ask(service, 'GET /health/ready')).status).toBe(200);
  });

  step('3. Start another replica of a service while auth is away', async () => {
    extra = await startExtraInstance(system, mainService);
    const { body: ring } = await exchange<Ring>('GET', `${extra.url}/trust`);
    expect(ring.statements.accepted).toEqual({ file: 1, http: 0, local: 0, nats: 0 });
    const { epoch, exp: expiry } = await system.ring(mainService);
    expect({ epoch: ring.epoch, exp: ring.exp }).toEqual({ epoch, exp: expiry });
    exp = expiry!;
    const grant = grants[0]!;
    expect(await system.knock(grant, extra.url)).toBe(200);
    const changed = { ...grant, token: `${grant.token.slice(0, -8)}AAAAAAAA` };
    expect(await system.knock(changed, extra.url)).toBe(401);
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
    for (const url of [system.parts.urls[mainService], extra.url]) {
      const refused = await system.present(grants[0]!, url);
      expect(refused).toMatchObject({ status: 503, body: { code: 'trust_stale' } });
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(refused.headers.get('www-authenticate')).toBeNull();
    }
    for (const service of guarded) {
      expect((await system.ring(service)).freshness).toBe('stale');
      expect((await system.ask(service, 'GET /health/live')).status).toBe(200);
      expect(await system.ask(service, 'GET /health/ready')).toMatchObject({
        status: 503,
        body: { checks: { trust: { status: 'down', freshness: 'stale' } } },
      });
    }
    // What needs no token goes on.
    for (const service of guarded)
      expect((await system.ask(service, 'GET /.well-known/oauth-protected-resource')).status).toBe(200);
  });

  step('6. Start auth again', async () => {
    await system.parts.launch('auth');
    for (const audience of guarded) {
      const grant = await system.grant(audience);
      await timeUntil(200, () => system.knock(grant), { withinMs: 3_000 });
      expect((await system.ring(audience)).freshness).toBe('confirmed');
      expect((await system.ask(audience, 'GET /health/ready')).status).toBe(200);
    }
    expect(await system.knock(await system.grant(), extra.url)).toBe(200);
    expect(pidsOf()).toEqual(pids);
  });
});

function expectOnly(counts: Counts, statuses: readonly number[]): void {
  for (const lane of Object.values(counts))
    expect(Object.keys(lane).filter((status) => !statuses.includes(Number(status)))).toEqual([]);
}
