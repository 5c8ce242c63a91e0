import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** A sequence of requests, one after another, at most one every `everyMs` milliseconds. */
export interface Lane {
  readonly name: string;
  readonly everyMs: number;
  /** Returns the status. Anything but 200, or an error, counts as a failure. */
  readonly request: () => Promise<number>;
}

/** The result of a lane. */
export interface Tally {
  readonly name: string;
  readonly requests: number;
  readonly slowestMs: number;
  /** The failures in order: a status or an error message. */
  readonly failures: readonly string[];
}

/** Runs all lanes until `work` has finished. Returns its result and the result of each lane. */
export async function whileUnderLoad<T>(
  lanes: readonly Lane[],
  work: () => Promise<T>,
): Promise<[T, Tally[]]> {
  const stopping = new AbortController();
  const running = Promise.all(lanes.map((lane) => run(lane, stopping.signal)));
  try {
    const result = await work();
    stopping.abort();
    return [result, await running];
  } finally {
    stopping.abort();
    await running;
  }
}

async function run({ name, everyMs, request }: Lane, stopping: AbortSignal): Promise<Tally> {
  const failures: string[] = [];
  let requests = 0;
  let slowestMs = 0;
  while (!stopping.aborted) {
    const begun = performance.now();
    requests += 1;
    await request().then(
      (status) => status !== 200 && failures.push(`${status}`),
      (error: Error) => failures.push(error.message),
    );
    const tookMs = performance.now() - begun;
    slowestMs = Math.max(slowestMs, tookMs);
    await sleep(Math.max(0, everyMs - tookMs), undefined, { signal: stopping }).catch(() => undefined);
  }
  return { name, requests, slowestMs, failures };
}

/** Repeats `probe` until it returns a value. @throws Error after `withinMs` milliseconds */
export async function until<T>(
  what: string,
  withinMs: number,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs / 1000} s`);
    await sleep(250);
  }
}

/**
 * Repeats a request until it is answered 401.
 *
 * @returns `afterMs`: milliseconds from `begun` until the first 401 arrived
 * @throws Error if another status than 200 or 401 arrives, or after 5 s
 */
export async function untilRefused(
  begun: number,
  request: () => Promise<{ status: number }>,
): Promise<{ afterMs: number }> {
  for (;;) {
    const { status } = await request();
    const afterMs = performance.now() - begun;
    if (status === 401) return { afterMs };
    if (status !== 200) throw new Error(`answered ${status} instead of 200 or 401`);
    if (afterMs > 5_000) throw new Error('the token was still accepted 5 s after it was revoked');
    await sleep(2); // so that these requests do not keep the service busy
  }
}
