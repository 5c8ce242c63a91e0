/** Measures how fast a target follows the keys of the issuer. No RFC sets a limit, so nothing here is a failure. */
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { createTestKey, type TestFetches } from '../../libs/testing/src/package.js';
import type { World } from './case.js';
import { bearer, isAccepted, type Send } from './target.js';

const POLL_MS = 250;
/** How many requests of a flood are under way at once. */
const FLOOD_CONCURRENCY = 20;

export interface Measurement {
  readonly name: string;
  /** The result as a sentence. */
  readonly result: string;
  /** Undefined: not within the time. */
  readonly seconds?: number | undefined;
  /** How often the target fetched from the issuer. */
  readonly fetches?: number;
}

export interface Measuring {
  readonly world: World;
  readonly send: Send;
  /** How long a change may take, in milliseconds. */
  readonly measureMs: number;
}

/** Rotates the key of the issuer. Measures when a token of the new key is first accepted. */
export async function measureNewKey(measuring: Measuring): Promise<Measurement> {
  const { world } = measuring;
  const fetched = fetchesOf(world);
  world.issuer.rotate();
  const { seconds, others } = await until(measuring, isAccepted, () => world.token());
  const name = 'a new key is accepted';
  if (seconds === undefined) return { name, result: notWithin(measuring), fetches: fetched() };
  const refused =
    others === 0 ? 'no good token was refused' : `${others} good tokens were refused until then`;
  return { name, result: `after ${seconds.toFixed(1)} s; ${refused}`, seconds, fetches: fetched() };
}

/** Revokes the key with this id. Measures when a token of it is first refused. Each token is new to the target. */
export async function measureRemovedKey(measuring: Measuring, old: World['attacker']): Promise<Measurement> {
  const { world } = measuring;
  const fetched = fetchesOf(world);
  world.issuer.revokeKey(old.kid);
  const isRefused = (seen: Parameters<typeof isAccepted>[0]) => !seen.failure && seen.status === 401;
  const { seconds } = await until(measuring, isRefused, () => world.token({}, { signWith: old }));
  const name = 'a removed key is refused';
  const result = seconds === undefined ? notWithin(measuring) : `after ${seconds.toFixed(1)} s`;
  return { name, result, seconds, fetches: fetched() };
}

/** Sends tokens that each name another unknown key. Counts what the target fetched because of them. */
export async function measureFlood({ world, send }: Measuring, count: number): Promise<Measurement> {
  const fetched = fetchesOf(world);
  const stranger = createTestKey(world.issuer.key.alg);
  const limit = pLimit(FLOOD_CONCURRENCY);
  const begun = performance.now();
  const all = Array.from({ length: count }, (_, n) =>
    limit(() => send(bearer(world.token({}, { signWith: stranger, header: { kid: `unknown-${n}` } })))),
  );
  const seen = await Promise.all(all);
  const seconds = (performance.now() - begun) / 1000;
  const answers = new Map<string, number>();
  for (const each of seen) {
    const answer = each.failure ?? String(each.status);
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  }
  const shown = [...answers].map(([answer, times]) => `${times} × ${answer}`).join(', ');
  return {
    name: `${count} unknown key ids`,
    result: `answered in ${seconds.toFixed(1)} s: ${shown}`,
    seconds,
    fetches: fetched(),
  };
}

/** Sends new tokens until one is answered as `isDone` says. */
async function until(
  { send, measureMs }: Measuring,
  isDone: typeof isAccepted,
  token: () => string,
): Promise<{ seconds: number | undefined; others: number }> {
  const begun = performance.now();
  for (let others = 0; ; others += 1) {
    const seen = await send(bearer(token()));
    const passed = performance.now() - begun;
    if (isDone(seen)) return { seconds: passed / 1000, others };
    if (passed > measureMs) return { seconds: undefined, others };
    await sleep(POLL_MS);
  }
}

function notWithin({ measureMs }: Measuring): string {
  return `not within ${measureMs / 1000} s`;
}

/** Counts the fetches of all documents from now on. */
function fetchesOf({ issuer }: World): () => number {
  const total = ({ keyset, jwks, metadata }: TestFetches) => keyset + jwks + metadata;
  const before = total(issuer.fetches);
  return () => total(issuer.fetches) - before;
}
