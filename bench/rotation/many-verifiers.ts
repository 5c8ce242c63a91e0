/** How long a new key takes to be acknowledged by 1, 100 and 1,000 verifiers, and what that costs auth. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../infra/project.js';
import { BenchSystem } from './bench-system.js';
import { untilComplete, untilHeard } from './phases.js';
import type { Grow, Grown } from './simulated-verifiers.js';

/** auth counts at most 64 instances of a service, so many verifiers are many services. */
const INSTANCES_PER_SERVICE = 63;

export interface ManyVerifiersOptions {
  /** How many verifiers, in rising order. */
  readonly steps: readonly number[];
  readonly rotationsPerStep: number;
  /** How long auth is watched while nothing happens but heartbeats. */
  readonly idleMs: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly durable: boolean;
  readonly log: (line: string) => void;
}

export interface StepResult {
  readonly verifiers: number;
  /** Of the call that prepares a key, waits until all have acknowledged it, and activates it. */
  readonly acknowledgedMs: readonly number[];
  /** CPU of auth while only heartbeats come, as a share of one core. */
  readonly idleCpu: number;
  readonly idleEventLoopMaxMs: number;
  /** CPU of auth for one rotation of the pair, seconds. */
  readonly cpuSecondsPerRotation: number;
  readonly eventLoopMaxMs: number;
  /** CPU that the simulated verifiers took for one rotation, seconds. */
  readonly simulatorCpuSecondsPerRotation: number;
}

export async function manyVerifiers(options: ManyVerifiersOptions): Promise<StepResult[]> {
  const { steps, settings, durable, log } = options;
  const most = Math.max(...steps);
  const guests = Array.from({ length: Math.ceil(most / INSTANCES_PER_SERVICE) }, (_, i) => `guest-${i + 1}`);
  const bench = await BenchSystem.start({ guests, settings, durable, log });
  const simulator = fork(join(projectRoot, 'dist/bench/rotation/simulated-verifiers.js'));
  try {
    await bench.issuer.loginAdmin();
    const results: StepResult[] = [];
    let running = 0;
    for (const verifiers of steps) {
      await growBy(simulator, bench, guests, running, verifiers);
      running = verifiers;
      await untilHeard(bench.issuer, verifiers);
      await untilComplete(bench.issuer);
      results.push(await Promise.race([measure(bench, simulator, verifiers, options), bench.crashed]));
      log(`${verifiers} simulated verifiers: done`);
    }
    return results;
  } finally {
    simulator.kill();
    await bench.stop();
  }
}

async function measure(
  { issuer }: BenchSystem,
  simulator: ReturnType<typeof fork>,
  verifiers: number,
  { rotationsPerStep, idleMs }: ManyVerifiersOptions,
): Promise<StepResult> {
  const before = await issuer.processFacts();
  const begun = performance.now();
  await sleep(idleMs);
  const idle = await issuer.processFacts();
  const idleCpu = (idle.cpuSeconds - before.cpuSeconds) / ((performance.now() - begun) / 1000);

  const acknowledgedMs: number[] = [];
  const simulatorBefore = await cpuOf(simulator);
  for (let i = 0; i < rotationsPerStep; i += 1) {
    // The first takes the standby, which everyone holds already; the second finds none and has to prepare a key.
    await issuer.rotate();
    acknowledgedMs.push(await issuer.rotate());
  }
  const busy = await issuer.processFacts();
  const simulatorCpu = (await cpuOf(simulator)) - simulatorBefore;
  return {
    verifiers,
    acknowledgedMs,
    idleCpu,
    idleEventLoopMaxMs: idle.eventLoopMaxMs,
    cpuSecondsPerRotation: (busy.cpuSeconds - idle.cpuSeconds) / rotationsPerStep / 2,
    eventLoopMaxMs: busy.eventLoopMaxMs,
    simulatorCpuSecondsPerRotation: simulatorCpu / rotationsPerStep / 2,
  };
}

async function growBy(
  simulator: ReturnType<typeof fork>,
  bench: BenchSystem,
  guests: readonly string[],
  from: number,
  to: number,
): Promise<void> {
  const { nkeySeed, ...facts } = bench.verifierFacts();
  const verifiers = Array.from({ length: to - from }, (_, i) => {
    const service = guests[(from + i) % guests.length]!;
    return { service, instance: `instance-${from + i}`, nkeySeed: nkeySeed(service) };
  });
  await ask(simulator, { ...facts, verifiers });
}

const cpuOf = async (simulator: ReturnType<typeof fork>): Promise<number> =>
  (await ask(simulator, { issuer: '', natsUrl: '', anchor: '', verifiers: [] })).cpuSeconds;

async function ask(simulator: ReturnType<typeof fork>, order: Grow): Promise<Grown> {
  const answer = once(simulator, 'message', { signal: AbortSignal.timeout(120_000) });
  simulator.send(order);
  const [grown] = (await answer) as [Grown];
  return grown;
}
