import { setTimeout as sleep } from 'node:timers/promises';

/** A clock that stands still until a spec moves it. */
interface FakeClock {
  /** Returns the time like `Date.now()`. It can be passed without its object. */
  now: () => number;
  /** Returns the time as a Date. */
  date: () => Date;
  advance(milliseconds: number): void;
  set(time: Date | number): void;
}

/** Makes a clock that shows `start` (default 2026-01-01T00:00:00Z). */
export function fakeClock(start: Date | number = Date.UTC(2026, 0, 1)): FakeClock {
  let time = Number(start);
  return {
    now: () => time,
    date: () => new Date(time),
    advance: (milliseconds) => {
      time += milliseconds;
    },
    set: (to) => {
      time = Number(to);
    },
  };
}

/**
 * Repeats `attempt` until it neither throws nor returns false. Returns its result. `undefined` counts as done, because an
 * expectation returns it. So compare what may be absent: `found?.includes(name) === true`.
 * @throws Error after `timeoutMs` (default 5,000), with the last failure as its cause.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeoutMs = 5_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let cause: unknown = 'it returned false';
    try {
      const result = await attempt();
      if (result !== false) return result;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > deadline) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Not so within ${timeoutMs} ms: ${reason}`, { cause });
    }
    await sleep(everyMs);
  }
}
