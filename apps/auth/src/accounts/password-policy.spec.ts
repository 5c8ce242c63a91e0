import { describe, expect, it } from '@jest/globals';
import { normalizePassword, PASSWORD_MAX_LENGTH, passwordFault } from './password-policy.js';

const options = { email: 'maria.lopez@example.com', minLength: 15 };
const fault = (password: string, more = {}) => passwordFault(password, { ...options, ...more });

describe('password policy (SP 800-63B-4 §3.1.1.2)', () => {
  it.each([
    ['words', 'seven lemons on a roof'],
    ['anything of a keyboard', "q9!Z'; DROP x-- {}[]"],
    ['another script', 'пять лимонов на крыше'],
    ['the least length', 'abcdefghijklmno'],
    ['the greatest length', 'lemons on a roof '.repeat(16).slice(0, PASSWORD_MAX_LENGTH - 1) + '!'],
    ['a first character that comes back at the end', 'tall ships sail at'],
    ['a common word among others', 'a dragon in the kitchen'],
    ['the local part among enough else', 'maria.lopez eats seven lemons'],
  ])('takes %s', (_name, password) => {
    expect(fault(password)).toBeUndefined();
  });

  it.each([
    ['too short', 'abcdefghijklmn', 'must have at least 15 characters'],
    ['too long', 'ab1'.repeat(86), 'must have at most 256 characters'],
    ['on the list', 'qwerty123456789', 'is a common password'],
    ['on the list, in capitals', 'QWERTY123456789', 'is a common password'],
    ['a common word with digits behind', 'password2026!!!', 'is a common password'],
    ['a common word with digits around', '12345Sunshine67890', 'is a common password'],
    ['a common word twice', 'passwordpassword', 'is a common password'],
    ['a common word twice with blanks', 'Dragon, dragon! Dragon?', 'is a common password'],
    ['a common word and a part of it', '123456789012345', 'is a common password'],
    ['one character', 'aaaaaaaaaaaaaaaa', 'is a common password'],
    ['a short unit', 'x7$x7$x7$x7$x7$x7$', 'is a common password'],
    ['a short unit and a part of it', 'tr4m9!tr4m9!tr4', 'is a common password'],
    ['the e-mail address', 'maria.lopez@example.com', 'is made of the e-mail address'],
    ['the e-mail address in capitals', 'MARIA.LOPEZ@EXAMPLE.COM1', 'is made of the e-mail address'],
    ['the local part and a year', 'maria.lopez2026', 'is made of the e-mail address'],
  ])('refuses what is %s', (_name, password, reason) => {
    expect(fault(password)).toBe(reason);
  });

  it('counts characters, not UTF-16 units', () => {
    const lemons = [...'🍋🍊🍇🍉🍌🍍🥭🍎🍐🍑🍒🍓🥝🥥🥑'];
    expect(lemons).toHaveLength(15);
    expect(fault(lemons.join(''))).toBeUndefined();
    expect(fault(lemons.slice(1).join(''))).toBe('must have at least 15 characters');
  });

  it('does not take a whole short password for a repetition of itself', () => {
    expect(fault('tr4m9!tq', { minLength: 8 })).toBeUndefined();
  });

  it('judges the form that is hashed: compatibility characters are what they stand for', () => {
    expect(normalizePassword('ｐａｓｓ①')).toBe('pass1');
    expect(fault('ｐａｓｓｗｏｒｄ２０２６！！！')).toBe('is a common password');
    // Written with a combining accent it has 15 characters, and is one short.
    expect(fault('abcdefghijklm' + 'e\u0301')).toBe('must have at least 15 characters');
    // One ligature, eighteen letters.
    expect(fault('\ufdfa'.repeat(15))).toBe('must have at most 256 characters');
  });

  it.each([
    ['one character, and another at the end', 'a'.repeat(255) + 'b'],
    ['two halves that nearly agree', 'ab'.repeat(127) + 'ac'],
    ['as long as the body allows', 'a'.repeat(1023) + 'b'],
    ['as long as normalisation can make it', '\ufdfa'.repeat(1024)],
    ['Fibonacci', fibonacciWord(256)],
  ])('takes no more than a moment over %s', (_name, password) => {
    const judged = medianMs(() => fault(password));
    // In the time of one password hash (12 ms); a backtracking expression would take seconds, or for ever.
    expect(judged).toBeLessThan(12);
  });
});

function fibonacciWord(length: number): string {
  let [previous, word] = ['b', 'a'];
  while (word.length < length) [previous, word] = [word, word + previous];
  return word.slice(0, length);
}

function medianMs(work: () => unknown): number {
  const times = Array.from({ length: 9 }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[4]!;
}
