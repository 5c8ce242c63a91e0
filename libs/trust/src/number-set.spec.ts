import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { NumberSet } from './number-set.js';

// Small numbers, and numbers around the ends of blocks.
const number = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1018, max: 1030 }), fc.nat(5000));
const step = fc.oneof(
  fc.record({ add: number }),
  fc.record({ addFrom: number, to: number }),
  fc.record({ deleteBefore: number }),
);

test('holds what a Set holds, whatever is added and deleted', () => {
  fc.assert(
    fc.property(fc.array(step), number, number, fc.integer({ min: 1, max: 2000 }), (steps, a, b, limit) => {
      const [numbers, model] = [new NumberSet(), new Set<number>()];
      for (const each of steps) {
        if ('add' in each) {
          expect(numbers.add(each.add)).toBe(!model.has(each.add));
          model.add(each.add);
        } else if ('addFrom' in each) {
          for (let n = each.addFrom; n <= each.to; n += 1) {
            numbers.add(n);
            model.add(n);
          }
        } else {
          numbers.deleteBefore(each.deleteBefore);
          for (const n of model) if (n < each.deleteBefore) model.delete(n);
        }
      }
      expect(numbers.size).toBe(model.size);
      expect(numbers.has(a)).toBe(model.has(a));
      const absent: number[] = [];
      for (let n = a; n <= b; n += 1) if (!model.has(n)) absent.push(n);
      expect(numbers.countAbsent(a, b)).toBe(absent.length);
      expect(numbers.absent(a, b, limit)).toEqual(absent.slice(0, limit));
    }),
  );
});

test('works with the greatest numbers that a statement may have', () => {
  const numbers = new NumberSet();
  const last = Number.MAX_SAFE_INTEGER;
  numbers.add(last - 1);
  expect(numbers.absent(last - 2, last, 9)).toEqual([last - 2, last]);
  expect(numbers.countAbsent(last - 2, last)).toBe(2);
});
