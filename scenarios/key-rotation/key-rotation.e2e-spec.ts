import { expect } from '@jest/globals';
import { eventually } from '#testing';
import { exchange } from '../../infra/tour/exchange.js';
import { decode, kidOf } from '../../infra/tour/tokens.js';
import { startExtraInstance, type ExtraInstance } from '../support/extra-instance.js';
import { keyChangePeriods } from '../support/key-change-periods.js';
import { scenario } from '../support/scenario.js';
import {
  guarded,
  mainService,
  verifiers as allVerifiers,
  type Grant,
  type Ring,
  type ScenarioSystem,
} from '../support/scenario-system.js';
import { expectOnly200, type Traffic } from '../support/traffic.js';

scenario(import.meta.url, keyChangePeriods(15), (system, step) => {
  let first: { kid: string; standby: string };
  /** Tokens of the key that is about to go, for each service. */
  let old: Grant[];
  /** When the last of the tokens that we have of the first key expires; milliseconds. */
  let lastTokenEndsAt: number;
  let traffic: Traffic;
  let extra: ExtraInstance;
  /** When the first key was last seen in the JWKS, and when it was first missed; milliseconds. */
  let lastSeenAt = 0;
  let goneAt: number | undefined;

  const ofOldKey = (index: number) => system.knock(old[index]!);
  const ofNewKey = async (service: string) => system.knock(await system.grant(service));

  /** What a third party sees, who only fetches the JWKS. */
  async function lookForFirstKey(): Promise<number> {
    const { status, body } = await system.ask('auth', 'GET /.well-known/jwks.json');
    const isThere = body.keys.some(({ kid }: { kid: string }) => kid === first.kid);
    if (isThere) lastSeenAt = Date.now();
    else goneAt ??= Date.now();
    return status;
  }

  step('1. See the active key, the standby, and which verifiers have it', async () => {
    first = await eventually(() => standbyHeldByAll(system), { timeoutMs: 10_000 });
    for (const service of guarded) {
      const { keys } = await system.ring(service);
      expect(keys.map(({ status, alg }) => `${status} ${alg}`).sort()).toEqual([
        'active ES256',
        'prepared ES256',
      ]);
    }
  });

  step('2. Send requests that never pause', async () => {
    old = await system.grants();
    const lanes = guarded.flatMap((service, index) => [
      [`${service}, old token`, () => ofOldKey(index)],
      [`${service}, fresh token`, () => ofNewKey(service)],
    ]);
    traffic = system.traffic(Object.fromEntries(lanes));
    system.traffic({ jwks: lookForFirstKey });
    await traffic.untilAnswered(5);
  });

  step('3. Rotate to RS256, and back to ES256', async () => {
    for (const alg of ['RS256', 'ES256']) {
      old = await system.grants();
      if (kidOf(old[0]!.token) === first.kid)
        lastTokenEndsAt = (decode(old[0]!.token).claims['exp'] as number) * 1000;
      const { status, body } = await system.admin('POST /admin/keys/rotate', { alg });
      expect({ status, alg: body.alg }).toEqual({ status: 200, alg });
      const { token } = await system.grant();
      expect(decode(token).header).toMatchObject({ alg, kid: body.kid });
      const { verifiers } = await system.verifiers();
      expect(verifiers.map(({ service }) => service).sort()).toEqual(['auth', ...allVerifiers].sort());
      for (const { kids } of verifiers) expect(kids).toContain(body.kid);
      await traffic.untilAnswered(5); // under this key, too
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
    expectOnly200(await traffic.stop());
  });

  step('5. Freeze a verifier, and rotate', async () => {
    extra = await startExtraInstance(system, mainService);
    const instance = await eventually(() => nameOf(system, extra.child.pid));
    process.kill(extra.child.pid, 'SIGSTOP');
    old = await system.grants();
    traffic = system.traffic({
      'old token': () => ofOldKey(0),
      'fresh token': () => ofNewKey(mainService),
    });
    const rotating = system.admin('POST /admin/keys/rotate', { alg: 'ES384' });
    await eventually(async () => {
      const { rotation } = await system.keys();
      expect(rotation?.waitingFor).toEqual([`${mainService}/${instance}`]);
    });
    const { status, body } = await rotating;
    expect(status).toBe(200);
    expect(body.waitedMs).toBeGreaterThan(1_000);
    expect((await system.verifiers()).verifiers.map((verifier) => verifier.instance)).not.toContain(instance);
    expectOnly200(await traffic.stop());
  });

  step('6. Let the frozen verifier continue', async () => {
    process.kill(extra.child.pid, 'SIGCONT');
    const grant = await system.grant();
    await eventually(async () => {
      const { body } = await exchange<Ring>('GET', `${extra.url}/trust`);
      expect(body.keys).toContainEqual(
        expect.objectContaining({ kid: kidOf(grant.token), status: 'active' }),
      );
    });
    expect(await system.knock(grant, extra.url)).toBe(200);
    await extra.child.stop();
  });

  step('7. Let auth rotate by itself', async () => {
    const before = (await system.grant()).token;
    system.configure('auth', { ROTATION_SECONDS: '2' });
    await system.parts.restart('auth');
    const after = await eventually(
      async () => {
        const { token } = await system.grant();
        expect(kidOf(token)).not.toBe(kidOf(before));
        return token;
      },
      { timeoutMs: 20_000, everyMs: 200 },
    );
    for (const token of [before, after])
      expect(await system.knock({ audience: mainService, token })).toBe(200);
  });

  step('8. See the first key leave the JWKS', async () => {
    await eventually(() => goneAt !== undefined, { timeoutMs: 20_000 });
    expect(goneAt).toBeGreaterThan(lastTokenEndsAt);
    expect(goneAt! - lastSeenAt).toBeLessThan(5_000); // it was there until then, but for the restart of auth
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
