/**
 * The bench of the claim: keys are rotated and revoked under constant traffic; nobody may be refused wrongly and, after
 * the bound, nobody accepted wrongly. Two usual verifiers get the same traffic in the same run.
 */
import { guardedServices } from '../../infra/system/services.js';
import { eventually } from '#testing';
import type { Bystander } from '../bystander.js';
import { BenchSystem } from './bench-system.js';
import { manyVerifiers, type StepResult } from './many-verifiers.js';
import {
  revocations,
  revocationsWithoutNats,
  rotations,
  untilComplete,
  untilHeard,
  watchedRevocation,
  type RevocationParts,
  type RevocationsResult,
  type RotationsResult,
} from './phases.js';
import { Traffic } from './traffic.js';

export interface Plan {
  readonly rotations: number;
  readonly revocations: number;
  /** The least time between two rotations or revocations. */
  readonly everyMs: number;
  /** How long one revocation in a quiet system is watched. */
  readonly watchMs: number;
  /** How many revocations while NATS is stopped. */
  readonly withoutNats: number;
  readonly simulated: {
    readonly steps: readonly number[];
    readonly rotationsPerStep: number;
    readonly idleMs: number;
  };
  /** Settings of auth. */
  readonly settings: Readonly<Record<string, string>>;
  /** False gives up PostgreSQL's crash safety for speed. */
  readonly durable: boolean;
}

/** Every period is the default of the system. */
export const fullPlan: Plan = {
  rotations: 50,
  revocations: 200,
  everyMs: 400,
  watchMs: 60_000,
  withoutNats: 4,
  simulated: { steps: [1, 100, 1_000], rotationsPerStep: 3, idleMs: 5_000 },
  settings: {},
  durable: true,
};

/** The same in small, to see that it works; its times mean nothing. */
export const quickPlan: Plan = {
  rotations: 5,
  revocations: 10,
  everyMs: 200,
  watchMs: 1_000,
  withoutNats: 0,
  simulated: { steps: [1, 10], rotationsPerStep: 1, idleMs: 500 },
  settings: { COUNTED_SECONDS: '3', STATEMENT_INTERVAL_SECONDS: '1' },
  durable: false,
};

export const ourNames = ['alpha', 'beta', 'gamma'] as const;

/** The peers, by the name of their guest. */
export const peers = {
  'jwks-rsa': { title: 'jwks-rsa + passport-jwt', program: 'jwks-rsa-service.js', settings: {} },
  'jwks-rsa-limited': {
    title: 'the same, 5 fetches a minute',
    program: 'jwks-rsa-service.js',
    settings: { JWKS_REQUESTS_PER_MINUTE: '5' },
  },
  jose: { title: 'jose createRemoteJWKSet', program: 'jose-service.js', settings: {} },
} as const;

export interface TrafficResult {
  readonly watched: Awaited<ReturnType<typeof watchedRevocation>>;
  readonly rotations: RotationsResult;
  readonly revocations: RevocationsResult & RevocationParts;
  readonly withoutNats: RevocationsResult | undefined;
}

const AUDIENCE = guardedServices[0]!.name;
/** The name of the bystander's account in NATS. */
const BYSTANDER = 'bystander';

/** Simulated verifiers, on a system of their own. */
export function withManyVerifiers(plan: Plan, log: (line: string) => void): Promise<StepResult[]> {
  const { settings, durable, simulated } = plan;
  return manyVerifiers({ ...simulated, settings, durable, log });
}

export async function underTraffic(plan: Plan, log: (line: string) => void): Promise<TrafficResult> {
  const { settings, durable } = plan;
  const guests = [...ourNames, ...Object.keys(peers), BYSTANDER];
  const bench = await BenchSystem.start({ guests, settings, durable, log });
  let traffic: Traffic | undefined;
  let bystander: Bystander<number> | undefined;
  try {
    await bench.issuer.loginAdmin();
    const ours = await Promise.all(
      ourNames.map((name) => bench.runGuest(name, 'signet-service.js', { AUDIENCE })),
    );
    const others = await Promise.all(
      Object.entries(peers).map(([name, peer]) =>
        bench.runGuest(name, peer.program, { AUDIENCE, ...peer.settings }),
      ),
    );
    const targets = [...ours, ...others];
    traffic = new Traffic(targets, await bench.issuer.loginCustomer());
    traffic.start();
    await untilHeard(bench.issuer, ours.length);
    // Who has not fetched a key before it is revoked cannot accept it afterwards, and nothing would be learned of them.
    const begun = traffic;
    await eventually(() => targets.every((target) => begun.hasAccepted(target)), { timeoutMs: 30_000 });
    const beside = (bystander = await bench.startBystander(BYSTANDER));
    const stage = { bench, traffic, ours };
    const phases = async () => {
      const watched = await watchedRevocation(stage, targets, plan.watchMs);
      log(`one revocation, watched for ${plan.watchMs / 1000} s: done`);
      // Before the rotations, which leave a key set of fifty retiring keys behind: the set of every day has two or three.
      const revoked = await revocations(stage, beside, plan.revocations, plan.everyMs);
      log(`${plan.revocations} emergency revocations: done`);
      await untilComplete(bench.issuer);
      const rotated = await rotations(stage, plan.rotations, plan.everyMs);
      log(`${plan.rotations} rotations: done`);
      const withoutNats =
        plan.withoutNats > 0 ? await revocationsWithoutNats(stage, plan.withoutNats) : undefined;
      log(`${plan.withoutNats} emergency revocations without NATS: done`);
      return { watched, rotations: rotated, revocations: revoked, withoutNats };
    };
    return await Promise.race([phases(), bench.crashed]);
  } finally {
    await traffic?.stop();
    // What comes last ends the processes.
    await bystander?.stop().catch(() => undefined);
    await bench.stop();
  }
}
