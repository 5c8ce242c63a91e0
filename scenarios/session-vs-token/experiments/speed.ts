/**
 * How fast one instance answers. All lanes run one after another in each round, so their ratios are of the same moment.
 * The balancer is left out, because it would be the slowest part.
 */
import { Agent, get } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { send } from '../../../bench/guard/load.js';
import { spreadOf } from '../../../bench/summary.js';

export interface Lane {
  readonly url: string;
  /** Returns what is sent in turn, at most so many. Called before each use. */
  readonly credentials: (atMost: number) => readonly string[];
}

export interface SpeedPlan {
  readonly rounds: number;
  readonly seconds: number;
  /** Requests whose time is measured, each round. */
  readonly timedRequests: number;
}

/** More than a verifier of Signet remembers (10,000), so that new tokens stay new. */
export const MANY = 12_000;

/** One value for each round. */
export interface Speed {
  readonly perSecond: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
}

const CONNECTIONS = 4;

export async function race<Name extends string>(
  lanes: Readonly<Record<Name, Lane>>,
  plan: SpeedPlan,
  log: (line: string) => void,
): Promise<Record<Name, Speed>> {
  const folder = mkdtempSync(join(tmpdir(), 'session-vs-token-'));
  const entries = Object.entries<Lane>(lanes) as [Name, Lane][];
  const speeds = Object.fromEntries(
    entries.map(([name]) => [name, { perSecond: [], p50Ms: [], p99Ms: [] }]),
  ) as unknown as Record<Name, Speed>;
  try {
    // The first round warms up, and does not count.
    for (let round = 0; round <= plan.rounds; round += 1) {
      for (const [name, { url, credentials }] of entries) {
        const { perSecond } = await send(
          { url, credentials: credentials(MANY), seconds: plan.seconds },
          folder,
        );
        const times = await timesOf(
          { url, credentials: credentials(plan.timedRequests) },
          plan.timedRequests,
        );
        if (round === 0) continue;
        speeds[name].perSecond.push(perSecond);
        speeds[name].p50Ms.push(spreadOf(times).p50);
        speeds[name].p99Ms.push(spreadOf(times).p99);
      }
      log(round === 0 ? 'speed: warm' : `speed: round ${round} of ${plan.rounds}`);
    }
    return speeds;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds of each request, four at a time: a server that is not at its limit. */
export async function timesOf(
  { url, credentials }: { url: string; credentials: readonly string[] },
  requests: number,
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const times: number[] = [];
  let next = 0;
  const one = async () => {
    while (next < requests) {
      const credential = credentials[next % credentials.length]!;
      next += 1;
      times.push(await timeOf(url, credential, agent));
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, one));
    return times;
  } finally {
    agent.destroy();
  }
}

/** @throws Error if the answer is not 200 */
function timeOf(url: string, credential: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const options = { agent, headers: { authorization: `Bearer ${credential}` }, timeout: 5_000 };
    const request = get(url, options, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`${url} answered ${answer.statusCode}`));
      answer.resume().on('end', () => resolve(performance.now() - begun));
      answer.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`${url} does not answer`)));
    request.on('error', reject);
  });
}
