import { expect, test } from '@jest/globals';
import { printable } from './printable.js';

test('control characters are shown by their code, and a long text is cut', () => {
  expect(printable('a\u001b[2J\nb')).toBe('a\\u001b[2J\\u000ab');
  expect(printable('x'.repeat(1_000))).toHaveLength(201);
});
