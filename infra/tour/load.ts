import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** Requests that are made one after another, at most one every `everyMs`. */
export interface Lane {
  readonly name: string;
  readonly everyMs: number;
  /** @throws or resolves with anything but 200 if the request was refused */
  readonly request: () => Promise<number>;
}

/** What came of a lane. */
export interface Tally {
  readonly name: string;
  readonly requests: number;
  readonly slowestMs: number;
  /** What went wrong, in order. */
  readonly failures: readonly string[];
}

/** Runs all lanes while `work` is under way; its result comes with what became of each lane. */
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

/** Asks until `probe` gives something. @throws Error after `withinMs` */
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
 * @returns `afterMs`: from `begun` to the arrival of the first 401
 * @throws Error on another refusal, or after 5 s
 */
export async function untilRefused(
  begun: number,
  request: () => Promise<{ status: number }>,
): Promise<{ afterMs: number }> {
  for (;;) {
    const { status } = await request();
    const afterMs = performance.now() - begun;
    if (status === 401) return { afterMs };
    if (status !== 200) throw new Error(`answered ${status} where 200 or 401 was to come`);
    if (afterMs > 5_000) throw new Error('the token was still accepted 5 s after its key was revoked');
    await sleep(2); // so that the question does not delay its own answer
  }
}
