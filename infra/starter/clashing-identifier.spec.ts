import { expect, it } from '@jest/globals';
import { clashingIdentifier } from './clashing-identifier.js';

const template = `/** date */ const note = view('date'); class Note {}`;

it.each([
  ['gift-card', undefined],
  // Only in a comment and in a text.
  ['dates', undefined],
  ['view', 'view'],
  ['date', 'Date'],
  ['class', 'class'],
  ['await', 'await'],
  ['interface', 'interface'],
])('the name %s clashes with %s', (name, found) => {
  expect(clashingIdentifier([template], { note: name })).toBe(found);
});

it('two names that become the same clash', () => {
  expect(clashingIdentifier(['Note; Remark;'], { note: 'a', remark: 'a' })).toBe('A');
});
