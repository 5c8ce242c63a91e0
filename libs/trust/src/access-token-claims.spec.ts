import { describe, expect, test } from '@jest/globals';
import { accountSince, accountSinceClaim, readClaims } from './access-token-claims.js';
import { TrustError } from './trust-error.js';

const CLAIMS = { iss: 'i', sub: 's', aud: 'orders', exp: 2, iat: 1, jti: 'j', client_id: 'web' };

describe('readClaims (RFC 9068 §2.2)', () => {
  test.each(Object.keys(CLAIMS))('%s is required', (name) => {
    const { [name as keyof typeof CLAIMS]: _, ...rest } = CLAIMS;
    for (const claims of [
      rest,
      { ...rest, [name]: null },
      { ...rest, [name]: {} },
      { ...rest, [name]: '' },
    ]) {
      expect(() => readClaims(claims)).toThrow(
        new TrustError('invalid_claim', `${name} is missing or of a wrong type`),
      );
    }
  });

  test.each([
    ['exp', '2'],
    ['exp', 1.5],
    ['exp', -1],
    ['exp', 2 ** 53],
    ['exp', Infinity],
    ['exp', true],
    ['iat', '1'],
    ['iat', 0.1],
    ['aud', ['orders']],
    ['sub', 1],
    ['jti', 7],
    ['client_id', ['web']],
    ['iss', ['i']],
  ])('%s must not be %p', (name, value) => {
    expect(() => readClaims({ ...CLAIMS, [name]: value })).toThrow(
      new TrustError('invalid_claim', `${name} is missing or of a wrong type`),
    );
  });

  test.each([
    ['nbf', '1'],
    ['nbf', null],
    ['scope', ['a']],
    ['scope', null],
    ['sid', ''],
    ['sid', 1],
    ['roles', 'admin'],
    ['roles', [1]],
    ['roles', ['']],
    ['txn', null],
    ['act', 'orders'],
    ['act', {}],
    ['act', null],
    ['act', { sub: 'a', act: { sub: '' } }],
    ['i/claims/account_since', '1'],
    ['i/claims/account_since', null],
  ])('%s, where present, must not be %p', (name, value) => {
    expect(() => readClaims({ ...CLAIMS, [name]: value })).toThrow(
      new TrustError('invalid_claim', `${name} is of a wrong type`),
    );
  });

  test('all of them, and claims that it does not know, come through frozen to the bottom', () => {
    const optional = {
      nbf: 1,
      scope: '',
      sid: 'x',
      roles: [],
      txn: 't',
      act: { sub: 'a', act: { sub: 'b' } },
    };
    const claims = readClaims({ ...CLAIMS, ...optional, 'https://example.test/plan': { seats: [1] } });
    expect(claims).toMatchObject({ ...CLAIMS, ...optional });
    expect(() => Object.assign(claims, { sub: 'other' })).toThrow(TypeError);
    expect(() => Object.assign(claims.act!.act!, { sub: 'other' })).toThrow(TypeError);
    expect(() => (claims['https://example.test/plan'] as { seats: number[] }).seats.push(2)).toThrow(
      TypeError,
    );
  });

  test('accountSince reads the claim that is named by the issuer of the token', () => {
    expect(accountSince(readClaims({ ...CLAIMS, [accountSinceClaim('i')]: 7 }))).toBe(7);
    expect(accountSince(readClaims({ ...CLAIMS, [accountSinceClaim('other')]: 'not ours' }))).toBeUndefined();
  });

  test('a member named __proto__ stands in for nothing', () => {
    const { sub: _, ...rest } = CLAIMS;
    const payload = JSON.parse(`{"__proto__":{"sub":"admin"},${JSON.stringify(rest).slice(1)}`) as Record<
      string,
      unknown
    >;
    expect(() => readClaims(payload)).toThrow(
      new TrustError('invalid_claim', 'sub is missing or of a wrong type'),
    );
  });
});
