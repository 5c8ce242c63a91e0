import { expect, test } from '@jest/globals';
import { createScopeSets } from './scope-sets.js';

test('tokens with the same scope share a set, and no others do', () => {
  const scopesOf = createScopeSets();
  const set = scopesOf('orders:read orders:write');
  expect([...set]).toEqual(['orders:read', 'orders:write']);
  expect(scopesOf('orders:read orders:write')).toBe(set);
  expect([...scopesOf('orders:read')]).toEqual(['orders:read']);
  expect([...scopesOf(undefined)]).toEqual([]);
});

test('a thousand sets are kept at most', () => {
  const scopesOf = createScopeSets();
  const first = scopesOf('scope-0');
  for (let i = 1; i < 1_000; i += 1) scopesOf(`scope-${i}`);
  expect(scopesOf('scope-0')).toBe(first);
  scopesOf('scope-1000');
  expect(scopesOf('scope-0')).not.toBe(first);
  expect([...scopesOf('scope-0')]).toEqual(['scope-0']);
});
