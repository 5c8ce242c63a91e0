import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import { createTestKey, createTestRecipient } from '#testing';
import { readDecryptionKey, readEncryptionKey } from './encryption-key.js';

type Json = Record<string, unknown>;

const { publicJwk, privateJwk, privateKey, publicKey } = createTestRecipient();
const { publicJwk: otherPublicJwk, privateJwk: otherPrivateJwk } = createTestRecipient();
const jwkOf = (namedCurve: string): Json =>
  generateKeyPairSync('ec', { namedCurve }).privateKey.export({ format: 'jwk' });
const without = (jwk: Json, ...names: string[]): Json =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => !names.includes(name)));

test('both halves have the kid of RFC 7638, whatever kid the JWK names', async () => {
  const kid = await calculateJwkThumbprint(publicJwk);
  expect(readEncryptionKey({ ...publicJwk, kid: 'mine' })).toMatchObject({ kid, key: { type: 'public' } });
  expect(readDecryptionKey({ ...privateJwk, kid: 'mine' })).toEqual({ kid, jwk: privateJwk });
  expect(readDecryptionKey(privateKey)).toEqual({ kid, jwk: privateJwk });
});

test.each<Json>([
  { use: 'enc' },
  { alg: 'ECDH-ES+A256KW' },
  { key_ops: ['deriveBits'] },
  { key_ops: ['deriveKey', 'deriveBits'] },
])('a JWK may say what it is for: %j', (facts) => {
  expect(() => readDecryptionKey({ ...privateJwk, ...facts })).not.toThrow();
  expect(() => readEncryptionKey({ ...publicJwk, ...facts, key_ops: [] })).not.toThrow();
});

describe('neither half is admitted', () => {
  const wrong: [string, (half: Json) => Json, string][] = [
    ['P-384', () => jwkOf('P-384'), 'kty and crv'],
    ['secp256k1, as long as P-256', () => jwkOf('secp256k1'), 'kty and crv'],
    ['RSA', () => createTestKey('RS256').privateKey.export({ format: 'jwk' }), 'kty and crv'],
    ['X25519', () => generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' }), 'kty and crv'],
    [
      'a shared secret',
      () => ({ kty: 'oct', k: randomBytes(32).toString('base64url') }),
      'kty and crv not allowed|symmetric',
    ],
    ['no kty', (half) => without(half, 'kty'), 'kty and crv'],
    ['a signing key', (half) => ({ ...half, use: 'sig' }), 'use'],
    ['the alg of a signature', (half) => ({ ...half, alg: 'ES256' }), 'alg'],
    ['another alg', (half) => ({ ...half, alg: 'ECDH-ES' }), 'alg'],
    ['key_ops of a signature', (half) => ({ ...half, key_ops: ['sign'] }), 'key_ops'],
    ['key_ops that are no list', (half) => ({ ...half, key_ops: 'deriveBits' }), 'key_ops'],
    ['no x', (half) => without(half, 'x'), 'lacks x'],
    ['a short y', (half) => ({ ...half, y: 'AAAA' }), 'full length'],
    ['a padded y', (half) => ({ ...half, y: `${String(half['y'])}=` }), 'not a valid key'],
    ['a point that is not on the curve', (half) => ({ ...half, y: half['x'] }), 'not a valid key|belong'],
  ];

  test.each(wrong)('%s', (_what, change, message) => {
    const refused = { name: 'JwsError', code: 'bad_key', message: expect.stringMatching(message) };
    expect(catching(() => readDecryptionKey(change(privateJwk)))).toMatchObject(refused);
    const half = without(change(publicJwk), ...(change(publicJwk)['k'] ? [] : ['d']));
    expect(catching(() => readEncryptionKey(half))).toMatchObject({ name: 'JwsError', code: 'bad_key' });
  });
});

test('a private key is not taken where the public half is enough', () => {
  expect(catching(() => readEncryptionKey(privateJwk))).toMatchObject({
    code: 'bad_key',
    message: 'the key has a private or symmetric member. Expected: the public half only',
  });
});

test.each<[string, Parameters<typeof readDecryptionKey>[0], string]>([
  ['a public JWK', publicJwk, 'has no private half: d is missing'],
  ['a public key object', publicKey, 'is public. Expected: a private key'],
  ['the private half of another key', { ...publicJwk, d: otherPrivateJwk['d'] }, 'does not belong'],
  ['the public half of another key', { ...otherPublicJwk, d: privateJwk['d'] }, 'does not belong'],
  ['a private half of zero', { ...privateJwk, d: Buffer.alloc(32).toString('base64url') }, 'not a valid key'],
  ['a private half that is short', { ...privateJwk, d: 'AQ' }, 'full length'],
  ['an RSA key object', createTestKey('RS256').privateKey, 'kty and crv'],
  ['a P-384 key object', createPrivateKey({ key: jwkOf('P-384'), format: 'jwk' }), 'kty and crv'],
])('%s cannot decrypt', (_what, key, message) => {
  const error = catching(() => readDecryptionKey(key)) as Error;
  expect(error).toMatchObject({ code: 'bad_key', message: expect.stringContaining(message) });
  expect(error.message).not.toContain(privateJwk['d']);
});

function catching(step: () => unknown): unknown {
  try {
    return step();
  } catch (error) {
    return error;
  }
}
