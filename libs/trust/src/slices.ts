import { setImmediate as letOthersRun } from 'node:timers/promises';

/** How many items are handled in a row. For 8 signatures that is about 1 ms, and more before the code is compiled. */
export const SLICE = 8;

/**
 * Runs `work` for each item, in slices. Before each slice, requests, messages and timers get their turn. So the first
 * slice does not prolong the turn in which the items were received.
 */
export async function inSlices<T>(items: readonly T[], work: (item: T) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index % SLICE === 0) await letOthersRun();
    work(item);
  }
}
