import { describe, expect, test } from '@jest/globals';
import { joseToDer } from './ecdsa-signature.js';

const hex = (size: number, r: string, s: string) =>
  joseToDer(Buffer.from(r.padStart(2 * size, '0') + s.padStart(2 * size, '0'), 'hex')).toString('hex');

describe('joseToDer (RFC 7518 §3.4, X.690 §8.3)', () => {
  test.each([
    ['zero is one zero byte', '00', '00', '3006020100020100'],
    ['leading zeros go', '01', '7f', '300602010102017f'],
    ['a leading one-bit gets a zero byte', '80', 'ff', '300802020080020200ff'],
    ['a zero byte inside stays', '0100', '8000', '3009020201000203008000'],
  ])('%s', (_what, r, s, der) => expect(hex(32, r, s)).toBe(der));

  test('more than 127 bytes have a length of the length', () => {
    const full = 'ff'.repeat(66);
    expect(hex(66, full, full)).toBe(`30818a024300${full}024300${full}`);
    expect(hex(66, '01', full)).toBe(`3048020101024300${full}`);
  });
});
