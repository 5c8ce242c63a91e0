/** Lets a command clean up after a signal. */
import { SetupError } from './system/setup-error.js';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Does work that a signal does not end at once: SIGINT, SIGTERM and SIGHUP abort the signal of the work, which then removes
 * what it has made and throws the reason. What the work does without waiting is never cut off.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  const end = () =>
    ending.abort(new SetupError('child_failed', 'Interrupted. Everything is as it was before.'));
  for (const signal of signals) process.on(signal, end);
  try {
    return await work(ending.signal);
  } finally {
    for (const signal of signals) process.off(signal, end);
  }
}
