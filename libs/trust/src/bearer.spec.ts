import { describe, expect, test } from '@jest/globals';
import { bearerToken } from './bearer.js';
import { TrustError, type TrustErrorCode } from './trust-error.js';

describe('bearerToken (RFC 6750 §2.1)', () => {
  test.each([
    ['the usual form', ['Host', 'x', 'Authorization', 'Bearer a.b.c']],
    ['the name in any case', ['AUTHORIZATION', 'Bearer a.b.c']],
    ['the scheme in any case (RFC 7235 §2.1)', ['authorization', 'bEaReR a.b.c']],
    ['several spaces', ['authorization', 'Bearer   a.b.c']],
    [
      'the word as the value of another field',
      ['x', 'authorization', 'Authorization', 'Bearer a.b.c', 'y', 'Authorization'],
    ],
  ])('finds the token: %s', (_what, rawHeaders) => expect(bearerToken({ rawHeaders })).toBe('a.b.c'));

  describe('where Node may have dropped fields', () => {
    const request = (count: number, maxHeadersCount?: number | null) => ({
      rawHeaders: ['Authorization', 'Bearer a.b.c', ...Array<string>((count - 1) * 2).fill('x')],
      ...(maxHeadersCount !== undefined && { socket: { server: { maxHeadersCount } } }),
    });

    test.each([
      [999, undefined],
      [999, null],
      [1_100, 0],
      [1_100, 1_101],
    ])('%p fields with maxHeadersCount %p are all there', (count, limit) => {
      expect(bearerToken(request(count, limit))).toBe('a.b.c');
    });

    test.each([
      [1_000, undefined],
      [1_000, null],
      [1_024, undefined],
      [50, 50],
    ])('%p fields with maxHeadersCount %p are refused', (count, limit) => {
      expect(() => bearerToken(request(count, limit))).toThrow(
        new TrustError('too_many_fields', 'header fields may have been dropped'),
      );
    });
  });

  test('takes the whole alphabet of a token68', () => {
    expect(bearerToken({ rawHeaders: ['Authorization', 'Bearer aZ09-._~+/=='] })).toBe('aZ09-._~+/==');
  });

  test.each<[string, string[], TrustErrorCode, string]>([
    ['no header fields', [], 'missing_token', 'no bearer token'],
    ['no Authorization', ['Proxy-Authorization', 'Bearer a'], 'missing_token', 'no bearer token'],
    ['an empty one', ['Authorization', ''], 'missing_token', 'no bearer token'],
    ['another scheme', ['Authorization', 'Basic YTpi'], 'missing_token', 'no bearer token'],
    ['a scheme that begins alike', ['Authorization', 'BearerX a'], 'missing_token', 'no bearer token'],
    ['a tab for the space', ['Authorization', 'Bearer\ta'], 'missing_token', 'no bearer token'],
    ['the scheme alone', ['Authorization', 'Bearer'], 'malformed', 'what follows Bearer is not a token'],
    [
      'the scheme and a space',
      ['Authorization', 'Bearer '],
      'malformed',
      'what follows Bearer is not a token',
    ],
    ['two tokens', ['Authorization', 'Bearer a b'], 'malformed', 'what follows Bearer is not a token'],
    [
      'two joined by a comma',
      ['Authorization', 'Bearer a, Bearer b'],
      'malformed',
      'what follows Bearer is not a token',
    ],
    [
      'a line feed behind',
      ['Authorization', 'Bearer a\n'],
      'malformed',
      'what follows Bearer is not a token',
    ],
    ['padding inside', ['Authorization', 'Bearer a=b'], 'malformed', 'what follows Bearer is not a token'],
    [
      'a letter outside of ASCII',
      ['Authorization', 'Bearer \u0131'],
      'malformed',
      'what follows Bearer is not a token',
    ],
    [
      'two fields',
      ['Authorization', 'Bearer a', 'authorization', 'Bearer a'],
      'repeated_authorization',
      'more than one Authorization field',
    ],
    [
      'two fields, the first empty',
      ['Authorization', '', 'Authorization', 'Bearer a'],
      'repeated_authorization',
      'more than one Authorization field',
    ],
    [
      'two fields of two schemes',
      ['Authorization', 'Basic YTpi', 'Authorization', 'Bearer a'],
      'repeated_authorization',
      'more than one Authorization field',
    ],
  ])('refuses %s', (_what, rawHeaders, code, message) => {
    let error: unknown;
    try {
      bearerToken({ rawHeaders });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TrustError);
    expect(error).toMatchObject({ code, message });
  });
});
