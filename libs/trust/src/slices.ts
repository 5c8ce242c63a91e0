import { setImmediate as letOthersRun } from 'node:timers/promises';

/**
 * How many items are handled in a row. For 32 signatures that is 3 to 4 ms, and less than 10 ms on a machine of half
 * the speed.
 */
export const SLICE = 32;

/**
 * Runs `work` for each item, in slices. After each slice, requests, messages and timers get their turn. The last slice
 * is not followed by a pause.
 */
export async function inSlices<T>(items: readonly T[], work: (item: T) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % SLICE === 0) await letOthersRun();
    work(item);
  }
}
