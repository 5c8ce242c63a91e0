import { describe, expect, it } from '@jest/globals';
import { removeFrom, withoutRegions } from './remove.js';

const source = (text: string, path = 'x.ts') => ({ path, text });
/** Not in one word, because the file must not have such a mark itself. */
const mark = (word: string) => `// #${word} shop`;

describe('a removal', () => {
  it.each([
    [
      'an element with its comment',
      `const a = [{ n: 'x' },\n// y\n{ n: 'y' },\n{ n: 'z' }];`,
      ['a'],
      `const a = [{ n: 'x' },\n{ n: 'z' }];`,
    ],
    ['the last element', `const a = [\n{ n: 'x' },\n{ n: 'y' },\n];`, ['a'], `const a = [\n{ n: 'x' }];`],
    ['the only element', `const a = [{ n: 'y' }];`, ['a'], `const a = [];`],
    ['nothing', `const a = [{ n: 'x' }, 1];`, ['a'], `const a = [{ n: 'x' }, 1];`],
    ['a member', `const a = { b: { x: 1, y: [2] } };`, ['a', 'b'], `const a = { b: { x: 1} };`],
  ])('takes away %s', (_what, text, names, expected) => {
    expect(removeFrom(source(text), names, ({ name, texts }) => (name ?? texts['n']) === 'y')).toBe(expected);
  });

  it('works in JSON', () => {
    const text = '{ "a": { "x": 1, "y": { "z": 2 } } }';
    expect(removeFrom(source(text, 'x.json'), ['a'], ({ name }) => name === 'y')).toBe('{ "a": { "x": 1} }');
  });

  it('is refused where there is no list', () => {
    expect(() => removeFrom(source('const a = 1;'), ['a'], () => true)).toThrow('x.ts has no list named a');
  });
});

describe('the regions of a file', () => {
  it('are taken away with their marks, and nothing else is', () => {
    const region = `  ${mark('region')}: why\ngone\n  ${mark('endregion')}\n`;
    expect(withoutRegions(source(`first\n${region}between\n${region}last\n`), 'shop')).toBe(
      'first\nbetween\nlast\n',
    );
    expect(withoutRegions(source(region), 'sho')).toBe(region);
  });

  it.each(['region', 'endregion'])('are refused if a mark is alone: %s', (word) => {
    expect(() => withoutRegions(source(`a\n${mark(word)}\nb\n`), 'shop')).toThrow(
      'x.ts has a region "shop" without a begin or an end',
    );
  });
});
