import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import { createTestKey } from '#testing';
import { algorithmNames } from './algorithms.js';
import { JwsError } from './jws-error.js';
import { admitPublicJwk } from './public-jwk.js';

type Json = Record<string, unknown>;

const rsa = createTestKey('RS256').publicJwk;
const ec = createTestKey('ES256').publicJwk;

// The key of RFC 7638 §3.1, with the alg that it has there.
const RFC_7638_KEY = {
  kty: 'RSA',
  n:
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB' +
    'ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8' +
    'KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_' +
    'xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
};

describe('admitPublicJwk', () => {
  test.each(algorithmNames)('admits a key of %s, with the thumbprint that jose computes', async (alg) => {
    const { publicJwk, publicKey } = createTestKey(alg);
    const key = admitPublicJwk(publicJwk);
    expect(key.alg).toBe(alg);
    expect(key.key.equals(publicKey)).toBe(true);
    expect(key.thumbprint).toBe(await calculateJwkThumbprint(publicJwk));
  });

  test('key_ops in place of use, and neither, will do', () => {
    const { use: _, ...bare } = ec;
    expect(() => admitPublicJwk({ ...bare, key_ops: ['verify'] })).not.toThrow();
    expect(() => admitPublicJwk(bare)).not.toThrow();
  });

  test.each<[string, Json, string]>([
    ['d', { ...ec, d: 'AQ' }, 'the key has a private or symmetric member'],
    ['d, even null', { ...ec, d: null }, 'the key has a private or symmetric member'],
    ['p', { ...rsa, p: 'AQ' }, 'the key has a private or symmetric member'],
    ['oth', { ...rsa, oth: [] }, 'the key has a private or symmetric member'],
    ['k', { kty: 'oct', alg: 'HS256', k: 'AQ' }, 'the key has a private or symmetric member'],
    ['k beside a public key', { ...ec, k: 'AQ' }, 'the key has a private or symmetric member'],
    ['use: enc', { ...ec, use: 'enc' }, 'the key use is not sig'],
    ['use: null', { ...ec, use: null }, 'the key use is not sig'],
    ['key_ops: encrypt', { ...ec, key_ops: ['encrypt'] }, 'the key key_ops do not allow verify'],
    ['key_ops as text', { ...ec, key_ops: 'verify' }, 'the key key_ops do not allow verify'],
    ['key_ops: []', { ...ec, key_ops: [] }, 'the key key_ops do not allow verify'],
    ['no alg', { ...ec, alg: undefined }, expect.stringContaining('the key alg not allowed') as never],
    ['alg: none', { ...ec, alg: 'none' }, expect.stringContaining('the key alg not allowed') as never],
    ['alg: HS256', { ...ec, alg: 'HS256' }, expect.stringContaining('the key alg not allowed') as never],
    [
      'alg: toString',
      { ...ec, alg: 'toString' },
      expect.stringContaining('the key alg not allowed') as never,
    ],
    ['kty: oct', { ...ec, kty: 'oct' }, 'the key alg does not fit kty and crv'],
    ['EC key for an RSA alg', { ...ec, alg: 'RS256' }, 'the key alg does not fit kty and crv'],
    ['RSA key for an EC alg', { ...rsa, alg: 'ES256' }, 'the key alg does not fit kty and crv'],
    ['another curve than the alg', { ...ec, crv: 'P-384' }, 'the key alg does not fit kty and crv'],
    ['another alg than the curve', { ...ec, alg: 'ES384' }, 'the key alg does not fit kty and crv'],
    ['no kty', { ...ec, kty: undefined }, 'the key alg does not fit kty and crv'],
    ['no n', { ...rsa, n: undefined }, 'the key n is missing'],
    ['no x', { ...ec, x: undefined }, 'the key x is missing'],
    ['n as a number', { ...rsa, n: 3 }, 'the key n is missing'],
    ['padding in n', { ...rsa, n: `${String(rsa['n'])}=` }, 'the key n is not canonical base64url'],
    ['white space in y', { ...ec, y: ` ${String(ec['y'])}` }, 'the key y is not canonical base64url'],
    ['an empty n', { ...rsa, n: '' }, 'the key modulus not allowed. Expected: 2048 to 8192 bits'],
    [
      'a zero in front of n',
      { ...rsa, n: zeroInFront(rsa['n']) },
      expect.stringContaining('modulus not allowed') as never,
    ],
    ['2047 bits', { ...rsa, n: modulus(2047) }, 'the key modulus not allowed. Expected: 2048 to 8192 bits'],
    ['8193 bits', { ...rsa, n: modulus(8193) }, 'the key modulus not allowed. Expected: 2048 to 8192 bits'],
    ['e = 1', { ...rsa, e: 'AQ' }, 'the key exponent not allowed. Expected: 65537'],
    ['e = 3', { ...rsa, e: 'Aw' }, 'the key exponent not allowed. Expected: 65537'],
    ['e with a zero in front', { ...rsa, e: 'AAEAAQ' }, 'the key exponent not allowed. Expected: 65537'],
    ['no e', { ...rsa, e: undefined }, 'the key exponent not allowed. Expected: 65537'],
    ['an x that is too short', { ...ec, x: 'AQ' }, 'the key x is not of full length'],
    ['a y with a zero in front', { ...ec, y: zeroInFront(ec['y']) }, 'the key y is not of full length'],
    ['a point off the curve', { ...ec, y: ec['x'] }, 'the key is not a valid key'],
    ['x = y = 0', { ...ec, x: 'A'.repeat(43), y: 'A'.repeat(43) }, 'the key is not a valid key'],
    [
      'a coordinate not below p',
      { ...ec, x: Buffer.alloc(32, 0xff).toString('base64url') },
      'the key is not a valid key',
    ],
  ])('refuses %s', (_what, jwk, message) => {
    const error = refusal(jwk);
    expect(error).toMatchObject({ code: 'bad_key', message });
  });

  test('2048 and 8192 bits are within the bounds', () => {
    for (const bits of [2048, 8192]) expect(() => admitPublicJwk({ ...rsa, n: modulus(bits) })).not.toThrow();
  });

  test('refuses a modulus with the fingerprint of ROCA (CVE-2017-15361), and no sound one', () => {
    // A product of two numbers that are powers of 65537 modulo the primorial, like the primes of the weak generator.
    const primorial = PRIMES.reduce((product, prime) => product * prime, 1n);
    const weak = (exponent: bigint, factor: bigint) =>
      factor * primorial + power(65537n, exponent, primorial);
    const n = weak(12345n, (1n << 850n) + 7n) * weak(98765n, (1n << 850n) + 9n);
    const text = Buffer.from(n.toString(16).padStart(2 * Math.ceil(n.toString(16).length / 2), '0'), 'hex');
    expect(text.length * 8).toBeGreaterThanOrEqual(2048);
    expect(refusal({ ...rsa, n: text.toString('base64url') })).toMatchObject({
      code: 'bad_key',
      message: 'the key modulus was made by a generator with the ROCA weakness',
    });
    const off = Buffer.from((n + 2n).toString(16).padStart(2 * text.length, '0'), 'hex');
    expect(() => admitPublicJwk({ ...rsa, n: off.toString('base64url') })).not.toThrow();
  });

  test('computes the thumbprint of RFC 7638 §3.1', () => {
    expect(admitPublicJwk(RFC_7638_KEY).thumbprint).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  test('members that are not of the key change neither key nor thumbprint', () => {
    const plain = admitPublicJwk(ec);
    const decorated = admitPublicJwk({ ...ec, kid: 'another', x5u: 'https://evil.test/', n: 'AQAB', jku: 1 });
    expect(decorated.thumbprint).toBe(plain.thumbprint);
    expect(decorated.key.equals(plain.key)).toBe(true);
  });

  test('refuses an Ed25519 key', () => {
    const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    expect(refusal({ ...jwk, alg: 'EdDSA' })).toMatchObject({ code: 'bad_key' });
    expect(refusal({ ...jwk, alg: 'ES256' })).toMatchObject({
      message: 'the key alg does not fit kty and crv',
    });
  });
});

function refusal(jwk: Json): JwsError {
  try {
    admitPublicJwk(jwk);
  } catch (error) {
    if (error instanceof JwsError) return error;
    throw error;
  }
  throw new Error('not refused');
}

function zeroInFront(value: unknown): string {
  return Buffer.concat([Buffer.alloc(1), Buffer.from(String(value), 'base64url')]).toString('base64url');
}

/** Makes an odd number with exactly this many bits. */
function modulus(bits: number): string {
  const hex = ((1n << BigInt(bits - 1)) + 12345n).toString(16);
  return Buffer.from(hex.padStart(2 * Math.ceil(bits / 8), '0'), 'hex').toString('base64url');
}

const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
]
  .concat([107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167])
  .map(BigInt);

function power(base: bigint, exponent: bigint, modulo: bigint): bigint {
  let result = 1n;
  for (let i = exponent, square = base % modulo; i > 0n; i >>= 1n, square = (square * square) % modulo) {
    if (i & 1n) result = (result * square) % modulo;
  }
  return result;
}
