import { describe, expect, it } from '@jest/globals';
import { wholeNumber } from './whole-number.js';

describe('wholeNumber', () => {
  it.each([
    ['0', 0],
    ['7', 7],
    ['100', 100],
  ])('reads %j', (text, expected) => {
    expect(wholeNumber(0, 100).parse(text)).toBe(expected);
  });

  it.each(['0x10', '0b11', '0o7', '1e1', '+5', '-0', '-5', '5.0', '5.', '.5', '05', '1_0', '١', '５'])(
    'refuses %j, which is no number in decimal digits',
    (text) => {
      expect(messagesFor(text)).toEqual(['must be a whole number in decimal digits']);
    },
  );

  it.each([
    '',
    ' ',
    ' 5',
    '5 ',
    '5\n',
    '\u00a05',
    'five',
    'NaN',
    'Infinity',
    [],
    ['5'],
    {},
    null,
    true,
    undefined,
  ])('refuses %j, which is no number', (value) => {
    expect(messagesFor(value)).toEqual(['must be a whole number in decimal digits']);
  });

  it('holds the bounds, both included, and names them', () => {
    expect(wholeNumber(5, 6).safeParse('5').success).toBe(true);
    expect(wholeNumber(5, 6).safeParse('6').success).toBe(true);
    expect(messagesFor('4', 5, 6)).toEqual([expect.stringContaining('5')]);
    expect(messagesFor('7', 5, 6)).toEqual([expect.stringContaining('6')]);
  });

  it('refuses what a number cannot hold exactly', () => {
    expect(wholeNumber(0).parse('9007199254740991')).toBe(9007199254740991);
    expect(wholeNumber(0).safeParse('9007199254740992').success).toBe(false);
    expect(wholeNumber(0).safeParse('9'.repeat(400)).success).toBe(false);
  });

  function messagesFor(value: unknown, min = 0, max = 100): string[] {
    return (
      wholeNumber(min, max)
        .safeParse(value)
        .error?.issues.map(({ message }) => message) ?? []
    );
  }
});
