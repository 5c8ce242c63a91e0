/** Asking a question for many callers at once, without giving any of them an answer from before it asked. */

/**
 * Makes the callers of the returned function share the runs of `work`. Each call gets the result of a run that began
 * after the call. One run is under way at a time, and two begin at least `intervalMs` apart, by a clock that no one sets.
 */
export function shareRuns<T>(work: () => Promise<T>, intervalMs: number): () => Promise<T> {
  let beganAt = -Infinity;
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;

  async function run(): Promise<T> {
    await running;
    const pauseMs = beganAt + intervalMs - performance.now();
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs).unref());
    beganAt = performance.now();
    // Whoever calls from now on waits for the next run.
    next = undefined;
    const result = work();
    running = result.catch(() => undefined);
    return result;
  }

  return () => (next ??= run());
}

/** The result of `promise`, or `late` if it takes longer than `timeoutMs`. */
export async function within<T>(promise: Promise<T>, timeoutMs: number, late: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, late).unref();
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
