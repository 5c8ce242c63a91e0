import { describe, expect, it } from '@jest/globals';
import { addImport, insertAtEnd, insertAtStart, memberNames, textsIn } from './insert.js';

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
    [
      'a list of an element that has a name',
      `const a = [{ name: 'x', b: [1] }, { name: 'y', b: [2] }];`,
      ['a', 'y', 'b'],
      '3',
      `const a = [{ name: 'x', b: [1] }, { name: 'y', b: [2,\n3] }];`,
    ],
    [
      'the argument of a call that makes a value',
      'const a = make({ b: 1 });',
      ['a'],
      'c',
      'const a = make({ b: 1,\nc });',
    ],
    [
      'the argument of a call anywhere',
      'class A { static b() { c(M.make<T>({ d: {} })); } }',
      ['M.make', 'd'],
      'e: 1',
      'class A { static b() { c(M.make<T>({ d: {\ne: 1} })); } }',
    ],
    [
      'what a method returns',
      'class A { static b() { const c = []; return { c: [1] }; } }',
      ['b', 'c'],
      '2',
      'class A { static b() { const c = []; return { c: [1,\n2] }; } }',
    ],
    [
      'a union',
      `type A = 'a' | 'b'; type B = 'c';`,
      ['A'],
      `'d'`,
      `type A = 'a' | 'b' |\n'd'; type B = 'c';`,
    ],
    ['a type of one member', `type A = 'a';`, ['A'], `'b'`, `type A = 'a' |\n'b';`],
    [
      'an interface',
      `declare module 'm' { interface A { 'b': true; } }`,
      ['A'],
      `'c': true;`,
      `declare module 'm' { interface A { 'b': true;\n'c': true; } }`,
    ],
  ])('goes to the end of %s', (_what, text, names, added, expected) => {
    expect(insertAtEnd(source(text), names, added)).toBe(expected);
  });

  it.each([
    ['const a = { /* all */ ...b };', 'const a = { /* all */ c: 1,\n...b };'],
    ['const a = {};', 'const a = {\nc: 1};'],
  ])('goes to the beginning of %s', (text, expected) => {
    expect(insertAtStart(source(text), ['a'], 'c: 1')).toBe(expected);
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

describe('an import', () => {
  const text = `import { a, c, type D } from 'm';\nimport type { T } from 't';\nimport { x } from './x.js';\nlet y;\n`;
  it.each([
    ['b', 'm', `import { a, b, c, type D } from 'm';\nimport type`],
    ['d', 'm', `import { a, c, d, type D } from 'm';`],
    ['c', 'm', text],
    ['w', './w.js', `from 't';\nimport { w } from './w.js';\nimport { x } from './x.js';\nlet`],
    ['z', './x.js', `import { x, z } from './x.js';\nlet`],
    ['z', './z.js', `import { x } from './x.js';\nimport { z } from './z.js';\nlet`],
    ['e', 't', `import { e } from 't';`],
  ])('of %s from %s is added where it is missing', (name, from, expected) => {
    expect(addImport(source(text), name, from)).toContain(expected);
  });
});

it('the texts of a list are those at every depth, without the names of members', () => {
  const text = `const a = { b: { 'c-d': ['e', 'f'], g: 1 } };`;
  expect(textsIn(source(text), ['a'])).toEqual(['e', 'f']);
});

it('the names of an object are those of its members', () => {
  expect(memberNames(source(`const a = { b: 1, 'c-d': 2 };`), ['a'])).toEqual(['b', 'c-d']);
});
