/** Shares one run of asynchronous work among many callers. No caller gets a result from before its call. */

export interface SharedRuns<T> {
  (): Promise<T>;
  /** Resolves when every run that was requested until now has ended. */
  settled(): Promise<void>;
}

/**
 * Makes the callers of the returned function share the runs of `work`. Each call gets the result of a run that began
 * after the call. One run is under way at a time. Two runs begin at least `intervalMs` apart, by a clock that nobody
 * can set; by default one can follow the other at once.
 */
export function shareRuns<T>(work: () => Promise<T>, intervalMs = 0): SharedRuns<T> {
  let beganAt = -Infinity;
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;

  async function run(): Promise<T> {
    await running;
    const pauseMs = beganAt + intervalMs - performance.now();
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    beganAt = performance.now();
    // A caller that comes from now on gets the next run.
    next = undefined;
    const result = work();
    running = result.catch(() => undefined);
    return result;
  }

  const ignore = () => undefined;
  return Object.assign(() => (next ??= run()), {
    settled: async () => void (await (next ?? running).catch(ignore)),
  });
}

/** Resolves with the result of `promise`, or with `late` after `timeoutMs`. */
export async function within<T>(promise: Promise<T>, timeoutMs: number, late: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, late);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
