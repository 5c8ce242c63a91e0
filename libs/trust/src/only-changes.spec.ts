import { expect, test } from '@jest/globals';
import { onlyChanges } from './only-changes.js';

test('tells of each change once: a fault, another fault, the end of it', () => {
  const told: (string | undefined)[] = [];
  const report = onlyChanges<string>((fault) => told.push(fault));
  for (const fault of [undefined, 'a', 'a', 'b', 'b', undefined, undefined, 'b']) report(fault);
  expect(told).toEqual(['a', 'b', undefined, 'b']);
});
