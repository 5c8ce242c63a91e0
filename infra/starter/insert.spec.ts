import { describe, expect, it } from '@jest/globals';
import { insertAtEnd, memberNames } from './insert.js';

const source = (text: string, path = 'x.ts') => ({ path, text });

describe('an insertion', () => {
  it.each([
    ['a list', 'const a = [1, 2];', ['a'], '3', 'const a = [1, 2,\n3];'],
    ['a list with a last comma', 'const a = [\n1,\n];', ['a'], '2', 'const a = [\n1,\n2,\n];'],
    ['an empty list', 'const a = [];', ['a'], '1', 'const a = [\n1];'],
    [
      'an inner object',
      'const a = { b: { c: 1 }, d: {} };',
      ['a', 'b'],
      'e: 2',
      'const a = { b: { c: 1,\ne: 2 }, d: {} };',
    ],
    ['a member with a dash', `const a = { 'b-c': [1] };`, ['a', 'b-c'], '2', `const a = { 'b-c': [1,\n2] };`],
    [
      'a list before another',
      'const x = [];\nexport const a: number[] = [1]; // ]',
      ['a'],
      '2',
      'const x = [];\nexport const a: number[] = [1,\n2]; // ]',
    ],
  ])('goes to the end of %s', (_what, text, names, added, expected) => {
    expect(insertAtEnd(source(text), names, added)).toBe(expected);
  });

  it('goes into JSON', () => {
    expect(insertAtEnd(source('{ "a": { "b": 1 } }', 'x.json'), ['a'], '"c": 2')).toBe(
      '{ "a": { "b": 1,\n"c": 2 } }',
    );
  });

  it.each([[['b']], [['a', 'x']], [['a', 'n']]])('is refused where there is no list: %j', (names) => {
    expect(() => insertAtEnd(source('const a = { n: 1 };'), names, '1')).toThrow(
      `x.ts has no list named ${names.join('.')}`,
    );
  });
});

it('the names of an object are those of its members', () => {
  expect(memberNames(source(`const a = { b: 1, 'c-d': 2 };`), ['a'])).toEqual(['b', 'c-d']);
});
