import { expect } from '@jest/globals';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { KEYSET_DIRECT_GET } from '#statements';
import { eventually } from '#testing';
import { decode } from '../../infra/tour/tokens.js';
import { statePaths } from '../../infra/local/state-dir.js';
import { scenario } from '../support/scenario.js';
import { guarded, mainService, verifiers, type Grant, type Ring } from '../support/scenario-system.js';
import { expectOnly200, timeUntil, type Traffic } from '../support/traffic.js';

/** A ring is confirmed for 15 s, looks at its age once a second, and asks the issuer then. */
const boundMs = 16_000;
/** For timers that come late on a machine that is busy. */
const graceMs = 1_500;

const periods = {
  auth: {
    ACCESS_TOKEN_SECONDS: '18',
    MAX_TOKEN_SECONDS: '18',
    CLOCK_SKEW_SECONDS: '0',
    STATEMENT_INTERVAL_SECONDS: '1',
    STATEMENT_SECONDS: '19',
  },
};

scenario(import.meta.url, periods, (system, step) => {
  let traffic: Traffic;
  let old: Grant[];
  let pids: readonly number[];

  const pidsOf = () => guarded.map((service) => system.parts.running.services[service]!.pid);
  const rings = () => Promise.all(guarded.map((service) => system.ring(service)));
  const ready = async (service: string) => {
    const { status, body } = await system.ask(service, 'GET /health/ready');
    return { http: status, status: body.status, nats: body.checks.nats.status };
  };
  const freshTraffic = () => system.traffic(system.freshLanes());

  step('1. Send requests that never pause', async () => {
    pids = pidsOf();
    // A verifier that learned the first statement over HTTP hears the next one within seconds.
    await eventually(
      async () => {
        for (const { freshness, statements } of await rings()) {
          expect(freshness).toBe('confirmed');
          expect(statements.accepted.nats).toBeGreaterThan(0);
        }
      },
      { timeoutMs: 15_000 },
    );
    old = await system.grants();
    traffic = freshTraffic();
    await traffic.untilAnswered(5);
  });

  step('2. Stop NATS', async () => {
    await system.parts.kill('nats');
    for (const service of ['auth', ...guarded]) {
      await eventually(async () =>
        expect(await ready(service)).toEqual({ http: 200, status: 'degraded', nats: 'degraded' }),
      );
    }
    await traffic.untilAnswered(5);
    expectOnly200(traffic.counts);
  });

  step('3. Revoke the key that signs', async () => {
    const { kid } = decode(old[0]!.token).header;
    const before = await rings();
    const since = performance.now();
    const { body } = await system.admin(`POST /admin/keys/${kid}/revoke`, { reason: 'compromised' });
    expect(body.silent.map((name: string) => name.split('/')[0]).sort()).toEqual([...verifiers].sort());
    expect(body.activeKid).not.toBe(kid);
    // The standby signs at once, and every service has had it for long.
    for (const audience of guarded) expect(await system.knock(await system.grant(audience))).toBe(200);

    await Promise.all(
      old.map((grant) => timeUntil(401, () => system.knock(grant), { withinMs: boundMs + graceMs, since })),
    );
    const after = await rings();
    for (const [index, ring] of after.entries()) {
      expect(ring.revoked).toContainEqual(expect.objectContaining({ kid, reason: 'compromised' }));
      // It came over HTTP alone; each token of the unknown kid asks again, once a second at most.
      expect(ring.statements.accepted.http).toBeGreaterThan(before[index]!.statements.accepted.http);
      expect(ring.statements.accepted.nats).toBe(before[index]!.statements.accepted.nats);
    }
    expectOnly200(await traffic.stop());
  });

  step('4. Start NATS again', async () => {
    const before = await rings();
    await system.parts.launch('nats');
    await untilLive(before);
  });

  step('5. Restart NATS with an empty storage', async () => {
    traffic = freshTraffic();
    const before = await rings();
    await system.parts.halt('nats');
    rmSync(join(statePaths.nats(system.stateDir), 'jetstream'), { recursive: true });
    await system.parts.launch('nats');
    await untilLive(before);
    const nats = await system.natsAs(mainService);
    const stored = await eventually(async () => {
      const answer = await nats.request(KEYSET_DIRECT_GET, '', { timeout: 1_000 });
      expect(answer.headers?.code).toBeFalsy();
      return decode(answer.string());
    });
    expect(stored.claims['epoch']).toBeGreaterThan(before[0]!.epoch!);
    await traffic.untilAnswered(5);
    expectOnly200(await traffic.stop());
  });

  step('6. Stop NATS and auth', async () => {
    const grants = await system.grants();
    await Promise.all([system.parts.kill('nats'), system.parts.kill('auth')]);
    traffic = system.traffic(system.lanes(grants));
    const expiries = (await rings()).map(({ exp }) => exp!);
    await eventually(() => Object.values(traffic.counts).every((lane) => lane[503]! > 0), {
      timeoutMs: 25_000,
    });
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(Math.max(...expiries));
    for (const lane of Object.values(await traffic.stop()))
      expect(lane).toEqual({ 200: expect.any(Number), 503: expect.any(Number) });
    expect((await rings()).map(({ freshness }) => freshness)).toEqual(guarded.map(() => 'stale'));
  });

  step('7. Start both again', async () => {
    const before = await rings();
    await Promise.all([system.parts.launch('nats'), system.parts.launch('auth')]);
    for (const audience of guarded) {
      const grant = await system.grant(audience);
      await timeUntil(200, () => system.knock(grant), { withinMs: 3_000 });
    }
    await untilLive(before);
    expect(pidsOf()).toEqual(pids);
  });

  /** Waits until statements come over NATS to everyone again. */
  async function untilLive(before: readonly Ring[]): Promise<void> {
    await eventually(
      async () => {
        for (const [index, { freshness, statements }] of (await rings()).entries()) {
          expect(freshness).toBe('confirmed');
          expect(statements.accepted.nats).toBeGreaterThan(before[index]!.statements.accepted.nats + 1);
        }
        for (const service of ['auth', ...guarded])
          expect(await ready(service)).toEqual({ http: 200, status: 'ready', nats: 'up' });
      },
      { timeoutMs: 10_000, everyMs: 50 },
    );
  }
});
