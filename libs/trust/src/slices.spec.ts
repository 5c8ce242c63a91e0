import { expect, test } from '@jest/globals';
import { inSlices, SLICE } from './slices.js';

test('handles all items in order, and lets the process run before each slice', async () => {
  const items = Array.from({ length: 3 * SLICE + 1 }, (_item, index) => index);
  const handled: number[] = [];
  const seen: number[] = [];
  const watch = () => {
    seen.push(handled.length);
    if (handled.length < items.length) setImmediate(watch);
  };
  setImmediate(watch);
  await inSlices(items, (item) => handled.push(item));
  expect(handled).toEqual(items);
  expect(seen).toEqual([0, SLICE, 2 * SLICE, 3 * SLICE]);
});

test('ends with the first error', async () => {
  const handled: number[] = [];
  const work = (item: number) => {
    if (item === 2) throw new Error('two');
    handled.push(item);
  };
  await expect(inSlices([1, 2, 3], work)).rejects.toThrow('two');
  expect(handled).toEqual([1]);
});
