import { expect } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '#testing';
import { exchange } from '../../infra/tour/exchange.js';
import { decode, kidOf } from '../../infra/tour/tokens.js';
import { startExtraInstance, type ExtraInstance } from '../support/extra-instance.js';
import { scenario } from '../support/scenario.js';
import type { Grant, Ring, ScenarioSystem } from '../support/scenario-system.js';
import { type Counts, Traffic } from '../support/traffic.js';

const tokenSeconds = 15;
const periods = {
  auth: {
    ACCESS_TOKEN_SECONDS: `${tokenSeconds}`,
    CLOCK_SKEW_SECONDS: '1',
    STATEMENT_INTERVAL_SECONDS: '1',
    STATEMENT_SECONDS: '60',
    COUNTED_SECONDS: '4',
    JWKS_MAX_AGE_SECONDS: '1',
    ROTATION_SECONDS: '0',
  },
};

scenario(import.meta.url, periods, (system, step) => {
  let first: { kid: string; standby: string };
  let oldGrants: Grant[];
  let traffic: Traffic;
  let extra: ExtraInstance;

  step('1. See who signs, who stands by, and who knows it', async () => {
    first = await eventually(() => standbyHeldByAll(system), { timeoutMs: 10_000 });
    for (const service of ['orders', 'inventory']) {
      const { keys } = await system.ring(service);
      expect(keys.map(({ status, alg }) => `${status} ${alg}`).sort()).toEqual([
        'active ES256',
        'prepared ES256',
      ]);
    }
  });

  step('2. Send requests that never pause', async () => {
    oldGrants = [await system.grant('orders'), await system.grant('inventory')];
    const [orders, inventory] = oldGrants as [Grant, Grant];
    traffic = new Traffic({
      'orders, old token': () => system.knock(orders),
      'inventory, old token': () => system.knock(inventory),
      'orders, fresh token': async () => system.knock(await system.grant('orders')),
      'inventory, fresh token': async () => system.knock(await system.grant('inventory')),
    });
    await untilEachLaneHas(traffic, 5);
  });

  step('3. Rotate to RS256, and back to ES256', async () => {
    for (const alg of ['RS256', 'ES256']) {
      const { status, body } = await system.admin('POST /admin/keys/rotate', { alg });
      expect({ status, alg: body.alg }).toEqual({ status: 200, alg });
      const { token } = await system.grant('orders');
      expect(decode(token).header).toMatchObject({ alg, kid: body.kid });
      const { verifiers } = await system.verifiers();
      expect(verifiers.map(({ service }) => service).sort()).toEqual(['auth', 'inventory', 'orders']);
      for (const { kids } of verifiers) expect(kids).toContain(body.kid);
      await untilEachLaneHas(traffic, 5); // under this key, too
    }
    // The standby became active the second time; the first key verifies until its last token has expired.
    expect((await system.keys()).keys.map(({ kid, status }) => ({ kid, status }))).toEqual(
      expect.arrayContaining([
        { kid: first.kid, status: 'retiring' },
        { kid: first.standby, status: 'active' },
      ]),
    );
  });

  step('4. Count the refusals', async () => {
    const counts = await traffic.stop();
    expectOnly200(counts);
    for (const { token } of oldGrants) expect(kidOf(token)).toBe(first.kid);
  });

  step('5. Freeze a verifier, and rotate', async () => {
    extra = await startExtraInstance(system, 'orders');
    const instance = await eventually(() => nameOf(system, extra.child.pid));
    process.kill(extra.child.pid, 'SIGSTOP');
    const [orders] = oldGrants as [Grant, Grant];
    traffic = new Traffic({
      'orders, old token': () => system.knock(orders),
      'orders, fresh token': async () => system.knock(await system.grant('orders')),
    });
    const rotating = system.admin('POST /admin/keys/rotate', { alg: 'RS256' });
    await eventually(async () => {
      const { rotation } = await system.keys();
      expect(rotation?.waitingFor).toEqual([`orders/${instance}`]);
    });
    const { status, body } = await rotating;
    expect(status).toBe(200);
    expect(body.waitedMs).toBeGreaterThan(1_000);
    expect((await system.verifiers()).verifiers.map((verifier) => verifier.instance)).not.toContain(instance);
    expectOnly200(await traffic.stop());
  });

  step('6. Let it go on', async () => {
    process.kill(extra.child.pid, 'SIGCONT');
    const { token } = await system.grant('orders');
    await eventually(async () => {
      const { body } = await exchange<Ring>('GET', `${extra.url}/trust`);
      expect(body.keys).toContainEqual(expect.objectContaining({ kid: kidOf(token), status: 'active' }));
    });
    expect((await exchange('GET', `${extra.url}/orders`, { token })).status).toBe(200);
    await extra.child.stop();
  });

  step('7. Let auth rotate by itself', async () => {
    const before = (await system.grant('orders')).token;
    system.configure('auth', { ROTATION_SECONDS: '2' });
    await system.parts.restart('auth');
    const after = await eventually(
      async () => {
        const { token } = await system.grant('orders');
        expect(kidOf(token)).not.toBe(kidOf(before));
        return token;
      },
      { timeoutMs: 20_000, everyMs: 200 },
    );
    for (const token of [before, after]) expect(await system.knock({ audience: 'orders', token })).toBe(200);
  });

  step('8. Watch the first key leave', async () => {
    const lastToken = decode(oldGrants[0]!.token).claims['exp'] as number;
    const isPublished = async () => {
      const { body } = await system.ask('auth', 'GET /.well-known/jwks.json');
      return body.keys.some(({ kid }: { kid: string }) => kid === first.kid);
    };
    while (Date.now() / 1000 < lastToken) {
      expect(await isPublished()).toBe(true);
      await sleep(200);
    }
    await eventually(async () => !(await isPublished()), { timeoutMs: 10_000, everyMs: 200 });
    expect((await system.keys()).keys).toContainEqual(
      expect.objectContaining({ kid: first.kid, status: 'retired' }),
    );
  });
});

/** The active key and the standby, once every verifier is known to hold it. */
async function standbyHeldByAll(system: ScenarioSystem): Promise<{ kid: string; standby: string }> {
  const { complete, verifiers } = await system.verifiers();
  expect(complete).toBe(true);
  const { keys } = await system.keys();
  const kidOfThe = (status: string) => keys.find((key) => key.status === status)!.kid;
  for (const { kids } of verifiers) expect(kids).toContain(kidOfThe('prepared'));
  return { kid: kidOfThe('active'), standby: kidOfThe('prepared') };
}

/** How auth calls the process: instances name themselves after host and pid. */
async function nameOf(system: ScenarioSystem, pid: number): Promise<string> {
  const { verifiers } = await system.verifiers();
  return verifiers.find(({ instance }) => instance.includes(`-${pid}-`))!.instance;
}

async function untilEachLaneHas(traffic: Traffic, more: number): Promise<void> {
  const before = traffic.counts;
  const total = (counts: Counts, lane: string) =>
    Object.values(counts[lane] ?? {}).reduce((sum, count) => sum + count, 0);
  await eventually(() =>
    Object.keys(before).every((lane) => total(traffic.counts, lane) >= total(before, lane) + more),
  );
}

function expectOnly200(counts: Counts): void {
  for (const lane of Object.values(counts)) expect(lane).toEqual({ 200: expect.any(Number) });
}
