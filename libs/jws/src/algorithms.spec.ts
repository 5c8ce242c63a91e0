import { constants, sign, verify as nodeVerify } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { CompactSign } from 'jose';
import { createTestKey, signBytes, type TestKey } from '#testing';
import { algorithmNames, algorithms, isAlgorithmName, type AlgorithmName } from './algorithms.js';

const keys = Object.fromEntries(algorithmNames.map((alg) => [alg, createTestKey(alg)])) as Record<
  AlgorithmName,
  TestKey
>;
const INPUT = Buffer.from('header.payload');
const holds = (alg: AlgorithmName, signature: Buffer, key = keys[alg]) =>
  algorithms[alg].verify(key.publicKey, INPUT, signature);
const signed = (alg: AlgorithmName) => signBytes('header.payload', keys[alg]);

test('the table holds five algorithms, all asymmetric', () => {
  expect(algorithmNames).toEqual(['ES256', 'ES384', 'ES512', 'RS256', 'PS256']);
});

test.each([
  'none',
  'None',
  'HS256',
  'RS384',
  'es256',
  'toString',
  '__proto__',
  'constructor',
  '',
  undefined,
  1,
  ['ES256'],
])('%p is no name of an algorithm', (name) => expect(isAlgorithmName(name)).toBe(false));

describe.each(algorithmNames)('%s', (alg) => {
  test('verifies what jose signs', async () => {
    const jws = await new CompactSign(Buffer.from('payload'))
      .setProtectedHeader({ alg })
      .sign(keys[alg].privateKey);
    const [head, payload, tail] = jws.split('.') as [string, string, string];
    const verify = (input: string) =>
      algorithms[alg].verify(keys[alg].publicKey, Buffer.from(input), Buffer.from(tail, 'base64url'));
    expect(verify(`${head}.${payload}`)).toBe(true);
    expect(verify(`${head}.${payload}x`)).toBe(false);
  });

  test('refuses the same signature under another key', () => {
    expect(holds(alg, signed(alg), createTestKey(alg))).toBe(false);
  });

  test('refuses each bit flipped in the first, a middle and the last byte', () => {
    const good = signed(alg);
    for (const index of [0, good.length >> 1, good.length - 1]) {
      for (let bit = 0; bit < 8; bit += 1) {
        const bad = Buffer.from(good);
        bad[index]! ^= 1 << bit;
        expect(holds(alg, bad)).toBe(false);
      }
    }
  });

  test.each([
    ['empty', () => Buffer.alloc(0)],
    ['one byte short', (good: Buffer) => good.subarray(0, -1)],
    ['without its first byte', (good: Buffer) => good.subarray(1)],
    ['with a zero in front', (good: Buffer) => Buffer.concat([Buffer.alloc(1), good])],
    ['with a zero behind', (good: Buffer) => Buffer.concat([good, Buffer.alloc(1)])],
    ['twice', (good: Buffer) => Buffer.concat([good, good])],
    ['all zero', (good: Buffer) => Buffer.alloc(good.length)],
    ['all ones', (good: Buffer) => Buffer.alloc(good.length, 0xff)],
  ])('refuses a signature that is %s', (_what, edit) => {
    expect(holds(alg, edit(signed(alg)))).toBe(false);
  });
});

describe.each(['ES256', 'ES384', 'ES512'] as const)('%s', (alg) => {
  const halves = (signature: Buffer) => {
    const size = signature.length / 2;
    return [signature.subarray(0, size), signature.subarray(size)] as const;
  };

  test('refuses r = 0 and s = 0', () => {
    const [r, s] = halves(signed(alg));
    const zero = Buffer.alloc(r.length);
    for (const forged of [
      [zero, s],
      [r, zero],
      [zero, zero],
    ])
      expect(holds(alg, Buffer.concat(forged))).toBe(false);
  });

  test('refuses r and s with a zero byte in front of each: a second spelling', () => {
    const zero = Buffer.alloc(1);
    const [r, s] = halves(signed(alg));
    expect(holds(alg, Buffer.concat([zero, r, zero, s]))).toBe(false);
  });

  test('refuses a signature in DER, whatever its length', () => {
    const size = signed(alg).length;
    for (let i = 0; i < 20; i += 1) {
      const der = sign(algorithms[alg].hash, INPUT, keys[alg].privateKey);
      expect(nodeVerify(algorithms[alg].hash, INPUT, keys[alg].publicKey, der)).toBe(true);
      expect(holds(alg, der)).toBe(false);
      // Even at the right length it is not r and s side by side.
      expect(holds(alg, Buffer.concat([der, Buffer.alloc(size)]).subarray(0, size))).toBe(false);
    }
  });

  test('verifies r and s of every shape: leading one-bit, leading zero bit', () => {
    const seen = new Set<string>();
    const shape = (half: Buffer) =>
      half[0]! === 0 ? 'zero byte' : half[0]! >= 0x80 ? 'one-bit' : 'zero bit';
    const wanted = alg === 'ES512' ? ['zero byte', 'zero bit'] : ['one-bit', 'zero bit'];
    for (let i = 0; i < 200 && !wanted.every((name) => seen.has(name)); i += 1) {
      const signature = signed(alg);
      expect(holds(alg, signature)).toBe(true);
      for (const half of halves(signature)) seen.add(shape(half));
    }
    expect([...seen]).toEqual(expect.arrayContaining(wanted));
  });
});

describe('PS256', () => {
  test('refuses a signature whose leading zero byte was left out: OpenSSL would take that second spelling', () => {
    const { signature, input } = signatureWithLeadingZero();
    const { publicKey } = keys.PS256;
    expect(algorithms.PS256.verify(publicKey, input, signature)).toBe(true);
    expect(algorithms.PS256.verify(publicKey, input, signature.subarray(1))).toBe(false);
  });

  test('refuses PKCS#1 v1.5, and RS256 refuses PSS', () => {
    expect(holds('PS256', signBytes('header.payload', { ...keys.PS256, alg: 'RS256' }))).toBe(false);
    expect(holds('RS256', signBytes('header.payload', { ...keys.RS256, alg: 'PS256' }))).toBe(false);
  });

  test('refuses a salt that is not as long as the hash (RFC 7518 §3.5)', () => {
    for (const saltLength of [0, 20, 222]) {
      const key = { key: keys.PS256.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
      expect(holds('PS256', sign('sha256', INPUT, key))).toBe(false);
    }
  });
});

/** Makes PSS signatures until one begins with a zero byte. PSS has a salt, so about one in 256 does. */
function signatureWithLeadingZero() {
  for (let i = 0; i < 5_000; i += 1) {
    const input = `header.${i}`;
    const signature = signBytes(input, keys.PS256);
    if (signature[0] === 0) return { signature, input: Buffer.from(input) };
  }
  throw new Error('5,000 signatures, and none begins with a zero byte');
}
