import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeBase64url } from './base64url.js';
import { JwsError } from './jws-error.js';

describe('decodeBase64url (RFC 7515 §2)', () => {
  test('reads what any bytes are written as', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString('base64url');
        expect(decodeBase64url(text, 'it')).toEqual(Buffer.from(bytes));
      }),
    );
  });

  test.each([
    ['padding', 'Zm8='],
    ['the standard alphabet', '-_-/'],
    ['a space inside', 'Zm 8'],
    ['a line feed at the end', 'Zm8\n'],
    ['a character outside of the alphabet', 'Zm?8'],
    ['a character whose low byte is in the alphabet', 'Zm\u01388'],
    ['bits in the last character that stand for nothing', 'Zm9'],
    ['one character too many', 'Zm9vY'],
    ['a NUL', 'Zm8\0'],
  ])('refuses %s', (_what, text) => {
    expect(() => decodeBase64url(text, 'the part')).toThrow(
      new JwsError('malformed', 'the part is not canonical base64url'),
    );
  });

  test('of all texts that Node reads as the same bytes, accepts one', () => {
    const spellings = ['Zm8', 'Zm9', 'Zm-', 'Zm8=', 'Zm 8', 'Zm8!', '!Zm8'];
    expect(spellings.filter((text) => accepted(text))).toEqual(['Zm8']);
  });
});

function accepted(text: string): boolean {
  try {
    decodeBase64url(text, 'it');
    return true;
  } catch {
    return false;
  }
}
