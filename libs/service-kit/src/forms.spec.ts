import { describe, expect, it } from '@jest/globals';
import { decodeForm } from './forms.js';

const decode = (text: string) => decodeForm(Buffer.from(text, 'latin1'));

describe('a form', () => {
  it.each<[string, [string, string][]]>([
    ['', []],
    [
      'a=1&b=2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    [
      'a=1&a=2',
      [
        ['a', '1'],
        ['a', '2'],
      ],
    ],
    [
      'a=&b&=c',
      [
        ['a', ''],
        ['b', ''],
        ['', 'c'],
      ],
    ],
    ['a+b=c%2Bd%3d+%C3%A4', [['a b', 'c+d= ä']]],
    ['?a=1', [['a', '1']]],
    ['a=%EF%BF%BD', [['a', '\uFFFD']]],
    ['a=%00', [['a', '\u0000']]],
  ])('%j is read as %j', (text, form) => {
    expect(decode(text)).toEqual(form);
  });

  it.each(['a=%', 'a=%4', 'a=%zz', '%=a', 'a=%C3', 'a=%ff', 'a=\xff', 'a=%ED%A0%80', 'a=%C3&b=%A4'])(
    '%j is refused',
    (text) => {
      expect(() => decode(text)).toThrow(expect.objectContaining({ code: 'malformed_body' }));
    },
  );
});
