/** What is done to the keys while the traffic goes on. Each phase has its own counts. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '#testing';
import type { Bystander } from '../bystander.js';
import type { BenchSystem } from './bench-system.js';
import type { Issuer, RevokeAnswer } from './issuer.js';
import type { Tallies, Target, Traffic } from './traffic.js';
import type { Generation } from './verdict.js';

/** A ring that heard of the issuer 15 s ago at the latest, looks once a second, and then polls. */
export const BOUND_WITHOUT_NATS_MS = 15_000 + 1_000 + 1_000;

const PAST_BOUND_MS = 1_000;

/** What everyone in a phase works on. */
export interface Stage {
  readonly bench: BenchSystem;
  readonly traffic: Traffic;
  /** The verifiers of this system, without the peers. */
  readonly ours: readonly Target[];
}

export interface RotationsResult {
  readonly tallies: Tallies;
  /** Of the whole call, for each rotation. */
  readonly callMs: readonly number[];
}

/** The parts of the time from sending a revocation to its last acceptance, in ms. */
export interface RevocationParts {
  /** From sending it to its statement on NATS, so with its transaction. */
  readonly toStatementMs: readonly number[];
  /** From its statement on NATS to the last acceptance, by target. 0 if nobody accepted after it. */
  readonly afterStatementMs: ReadonlyMap<string, readonly number[]>;
  /** One commit, and one message to NATS and back, measured once after each revocation. */
  readonly commitAndDeliverMs: readonly number[];
}

export interface RevocationsResult {
  readonly tallies: Tallies;
  readonly callMs: readonly number[];
  /** How many answers named a verifier that had not acknowledged within 1 s. */
  readonly silentAnswers: number;
  /** From sending the revocation to the arrival of the last acceptance, for each revocation, by target. */
  readonly lastAcceptedMs: ReadonlyMap<string, readonly number[]>;
}

/** Rotates `times`, one rotation every `everyMs` at most. The newest token is always in use. */
export async function rotations(stage: Stage, times: number, everyMs: number): Promise<RotationsResult> {
  const { traffic, bench } = stage;
  const tallies = traffic.beginPhase();
  const callMs: number[] = [];
  for (let i = 0; i < times; i += 1) {
    const begun = performance.now();
    // One token is asked for while the key changes, one after: the first users of the new key are the ones at risk.
    const during = bench.issuer.loginCustomer();
    callMs.push(await bench.issuer.rotate());
    traffic.use(await during);
    traffic.use(await bench.issuer.loginCustomer());
    await sleep(Math.max(0, everyMs - (performance.now() - begun)));
  }
  return { tallies, callMs };
}

/** Revokes the active key `times`, and uses a token of the next key as soon as there is one. */
export async function revocations(
  stage: Stage,
  bystander: Bystander<number>,
  times: number,
  everyMs: number,
): Promise<RevocationsResult & RevocationParts> {
  const { traffic, bench, ours } = stage;
  const commitAndDeliverMs: number[] = [];
  const arrivals: number[] = [];
  const tallies = traffic.beginPhase();
  const callMs: number[] = [];
  const generations: Generation[] = [];
  let silentAnswers = 0;
  for (let i = 0; i < times; i += 1) {
    const begun = performance.now();
    const { generation, answer, tookMs } = await revokeActive(stage, ONCE_ACKNOWLEDGED);
    callMs.push(tookMs);
    generations.push(generation);
    commitAndDeliverMs.push(await bystander.commitAndDeliver());
    await eventually(() => bystander.arrivedAt(answer.epoch) !== undefined);
    arrivals.push(bystander.arrivedAt(answer.epoch)!);
    if (answer.silent.length > 0) silentAnswers += 1;
    await useFreshToken(bench.issuer, traffic);
    await sleep(Math.max(0, everyMs - (performance.now() - begun)));
  }
  const ofOurs = (valueOf: (generation: Generation, name: string, index: number) => number) =>
    new Map(ours.map(({ name }) => [name, generations.map((each, index) => valueOf(each, name, index))]));
  return {
    tallies,
    callMs,
    silentAnswers,
    lastAcceptedMs: ofOurs(lastAccepted),
    toStatementMs: generations.map(({ revokeSentAt }, index) => arrivals[index]! - revokeSentAt!),
    afterStatementMs: ofOurs(({ lastAccepted: last }, name, index) =>
      Math.max(0, (last.get(name) ?? 0) - arrivals[index]!),
    ),
    commitAndDeliverMs,
  };
}

/**
 * Revokes one key in a quiet system, and watches for `watchMs` who still accepts its token. On a busy machine a verifier
 * may be silent, and the bound is later: then it watches until a second after that, or no mistake could be seen.
 */
export async function watchedRevocation(stage: Stage, targets: readonly Target[], watchMs: number) {
  const { traffic, bench } = stage;
  const tallies = traffic.beginPhase();
  const { generation } = await revokeActive(stage, ONCE_ACKNOWLEDGED);
  await useFreshToken(bench.issuer, traffic);
  const { revokeSentAt, boundAt } = generation;
  const watchUntil = Math.max(revokeSentAt! + watchMs, boundAt! + PAST_BOUND_MS);
  await sleep(Math.max(0, watchUntil - performance.now()));
  const lastMs = new Map(targets.map(({ name }) => [name, lastAccepted(generation, name)]));
  return { tallies, lastMs, watchMs };
}

/** Revokes `times` while NATS is stopped; each time until every verifier has refused, or for the stated bound. */
export async function revocationsWithoutNats(stage: Stage, times: number): Promise<RevocationsResult> {
  const { traffic, bench, ours } = stage;
  await bench.stopNats();
  const tallies = traffic.beginPhase();
  const generations: Generation[] = [];
  const callMs: number[] = [];
  let silentAnswers = 0;
  for (let i = 0; i < times; i += 1) {
    const { generation, answer, tookMs } = await revokeActive(stage, BY_POLLING);
    callMs.push(tookMs);
    generations.push(generation);
    if (answer.silent.length > 0) silentAnswers += 1;
    await useFreshToken(bench.issuer, traffic);
    const quietSince = (name: string) => performance.now() - (generation.lastAccepted.get(name) ?? 0);
    // Whoever has refused for 2 s has polled, and holds the next standby too.
    await eventually(() => ours.every(({ name }) => quietSince(name) > 2_000), {
      timeoutMs: BOUND_WITHOUT_NATS_MS + 5_000,
    });
  }
  const lastAcceptedMs = new Map(
    ours.map(({ name }) => [name, generations.map((generation) => lastAccepted(generation, name))]),
  );
  return { tallies, callMs, silentAnswers, lastAcceptedMs };
}

/** Waits until auth has heard of so many verifiers, itself left out. */
export async function untilHeard(issuer: Issuer, verifiers: number): Promise<void> {
  const others = async () => (await issuer.verifiers()).services.filter((name) => name !== 'auth');
  await eventually(async () => (await others()).length >= verifiers, { timeoutMs: 30_000, everyMs: 200 });
}

/** Waits until auth has listened long enough to know that there are no others: only then does it rotate. */
export async function untilComplete(issuer: Issuer): Promise<void> {
  await eventually(async () => (await issuer.verifiers()).complete, { timeoutMs: 60_000, everyMs: 200 });
}

/** From when on an acceptance is a mistake. */
type Bound = (times: { sentAt: number; answeredAt: number; silent: readonly string[] }) => number;

const BY_POLLING: Bound = ({ sentAt }) => sentAt + BOUND_WITHOUT_NATS_MS;

/** When everybody has acknowledged, which the answer says; whoever was silent has to poll. */
const ONCE_ACKNOWLEDGED: Bound = (times) =>
  times.silent.length === 0 ? times.answeredAt : BY_POLLING(times);

async function revokeActive(
  { bench, traffic }: Stage,
  bound: Bound,
): Promise<{ generation: Generation; answer: RevokeAnswer; tookMs: number }> {
  const kid = await bench.issuer.activeKid();
  const generation = traffic.revoking();
  const answer = await bench.issuer.revoke(kid);
  const answeredAt = performance.now();
  const sentAt = generation.revokeSentAt!;
  generation.boundAt = bound({ sentAt, answeredAt, silent: answer.silent });
  return { generation, answer, tookMs: answeredAt - sentAt };
}

/** The administrator's token fell with the key, too. */
async function useFreshToken(issuer: Issuer, traffic: Traffic): Promise<void> {
  const [token] = await Promise.all([issuer.loginCustomer(), issuer.loginAdmin()]);
  traffic.use(token);
}

/** 0 where the last acceptance came before the revocation was sent. */
function lastAccepted(generation: Generation, name: string): number {
  return Math.max(0, (generation.lastAccepted.get(name) ?? 0) - generation.revokeSentAt!);
}
