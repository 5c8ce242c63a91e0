/** What many live revocations cost: to auth, to a verifier that starts, and to a check. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { eventually } from '#testing';
import type { RunningSystem } from '../../infra/local/system.js';
import { projectRoot } from '../../infra/project.js';
import { readSecret, secretPaths } from '../../infra/system/secrets.js';
import { guardedServices, services } from '../../infra/system/services.js';
import { exchange } from '../../infra/tour/exchange.js';
import type { Bystander } from '../bystander.js';
import type { LateFacts, LateStart } from './late-verifier.js';
import { storeRevocations } from './stored.js';

export interface Published {
  readonly count: number;
  /** From the commit that stores them until NATS has stored each. */
  readonly publishedMs: number;
  /** From then until every service that runs holds them. */
  readonly heldMs: number;
}

export interface LateStarts {
  readonly late: LateFacts;
  /** auth after a restart: from ready until its own view is complete, and its longest slice as /metrics shows it. */
  readonly auth: { readonly completeMs: number; readonly longestSliceMs: number };
}

const TIMEOUT_MS = 120_000;
const SCRAPE_EVERY_MS = 250;
const runs = services.map(({ name }) => name);
/** The service whose instance starts late. */
const { name: service } = guardedServices[0]!;

interface Stage {
  readonly system: RunningSystem;
  readonly stateDir: string;
  readonly bystander: Bystander<string>;
  readonly log: (line: string) => void;
}

/** Stores `count` revocations, and waits until every service that runs holds them. */
export async function publishMany(
  { system, stateDir, bystander, log }: Stage,
  count: number,
): Promise<Published> {
  await storeRevocations(bystander.database, { stateDir, issuer: system.running.issuer, count });
  const storedAt = performance.now();
  const unpublished = 'SELECT 1 FROM revocation WHERE stream IS NULL LIMIT 1';
  await eventually(async () => (await bystander.database.query<unknown[]>(unpublished)).length === 0, {
    timeoutMs: TIMEOUT_MS,
    everyMs: 100,
  });
  const publishedAt = performance.now();
  log(`${count} revocations are stored and published`);
  const holdsAll = async (service: string) => (await revocationsOf(system, service)).lacks === 0;
  const holdMany = async () => (await Promise.all(runs.map(holdsAll))).every(Boolean);
  await eventually(holdMany, { timeoutMs: TIMEOUT_MS, everyMs: 100 });
  const heldAt = performance.now();
  log('every service holds them');
  return { count, publishedMs: publishedAt - storedAt, heldMs: heldAt - publishedAt };
}

/** Starts a verifier while they are live, and auth again. */
export async function startLate(
  { system, stateDir, log }: Stage,
  { count, token }: { count: number; token: string },
): Promise<LateStarts> {
  const late = await lateVerifier(system, stateDir, { token, revocations: count });
  log('a late verifier holds them');
  const auth = await restartAuth(system);
  log('auth holds them after a restart');
  return { late, auth };
}

/** How many revocations a service lacks. A service without a statement may lack any number. */
async function revocationsOf({ urls }: RunningSystem, service: string): Promise<{ lacks: number }> {
  type Trust = { revocations: { from: number; to: number; missing: number } };
  const { body } = await exchange<Trust>('GET', `${urls[service]}/trust`);
  const { from, to, missing } = body.revocations;
  return { lacks: to >= from ? missing : Infinity };
}

async function lateVerifier(
  { running, urls }: RunningSystem,
  stateDir: string,
  facts: Pick<LateStart, 'token' | 'revocations'>,
): Promise<LateFacts> {
  const program = join(projectRoot, 'dist/bench/revocation/late-verifier.js');
  const child = fork(program, { execArgv: ['--expose-gc'] });
  try {
    const answer = once(child, 'message', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    child.send({
      issuer: running.issuer,
      fetchUrl: urls['auth']!,
      natsUrl: `nats://127.0.0.1:${running.nats.port}`,
      nkeySeed: readSecret(join(secretPaths.of(stateDir, service), 'nats.nk')).trim(),
      anchor: readSecret(join(secretPaths.public(stateDir), 'trust-anchor.pem')),
      service,
      ...facts,
    } satisfies LateStart);
    const [late] = (await answer) as [LateFacts | { error: string }];
    if ('error' in late) throw new Error(`the late verifier: ${late.error}`);
    return late;
  } finally {
    child.kill();
  }
}

async function restartAuth(system: RunningSystem): Promise<LateStarts['auth']> {
  await system.restart('auth');
  const begun = performance.now();
  // The first reading contains the start of the process, and begins the next.
  await eventLoopMaxMs(system.urls['auth']!);
  let longestSliceMs = 0;
  await eventually(
    async () => {
      const isComplete = (await revocationsOf(system, 'auth')).lacks === 0;
      longestSliceMs = Math.max(longestSliceMs, await eventLoopMaxMs(system.urls['auth']!));
      return isComplete;
    },
    { timeoutMs: TIMEOUT_MS, everyMs: SCRAPE_EVERY_MS },
  );
  return { completeMs: performance.now() - begun, longestSliceMs };
}

/** The longest delay of the event loop since the last reading, in steps of 10 ms. */
async function eventLoopMaxMs(url: string): Promise<number> {
  const { text } = await exchange('GET', `${url}/metrics`);
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1]) * 1000;
}
