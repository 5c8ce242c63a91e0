import { describe, expect, it } from '@jest/globals';
import { readIdempotencyKey } from './idempotency-key.js';

describe('readIdempotencyKey', () => {
  it('is undefined without the field', () => {
    expect(readIdempotencyKey(undefined)).toBeUndefined();
  });

  it.each(['a', '"8e03978e-40d5-43dd-bc93-6894a57f9324"', 'two words', '~'.repeat(255)])(
    'takes %s as it is',
    (key) => {
      expect(readIdempotencyKey([key])).toBe(key);
    },
  );

  it.each([[['']], [['a'.repeat(256)]], [['a\tb']], [['clé']], [['a\0']], [['a', 'a']], [['a', 'b']], [[]]])(
    'refuses %j',
    (fields) => {
      expect(() => readIdempotencyKey(fields)).toThrow(
        expect.objectContaining({
          code: 'invalid_request',
          errors: [
            {
              field: 'Idempotency-Key',
              message: 'Expected one field with 1 to 255 printable ASCII characters',
            },
          ],
        }),
      );
    },
  );
});
