import { createPublicKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import { algorithmNames } from '#jws';
import { generateKey } from './generate-key.js';
import { KeySeal } from './key-seal.js';

const seal = new KeySeal([randomBytes(32).toString('base64')]);

const shapes = {
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  RS256: { kty: 'RSA', e: 'AQAB' },
  PS256: { kty: 'RSA', e: 'AQAB' },
};

describe('generateKey', () => {
  it.each(algorithmNames)('makes a key for %s', async (alg) => {
    const key = await generateKey(alg, 2048, seal);
    expect(key.publicJwk).toMatchObject({ ...shapes[alg], alg, use: 'sig', kid: key.kid });
    expect(key.kid).toBe(await calculateJwkThumbprint(key.publicJwk, 'sha256'));
    const privateKey = seal.open(key)!;
    const { kty, crv, x, y, n, e } = createPublicKey(privateKey).export({ format: 'jwk' });
    expect(key.publicJwk).toMatchObject(JSON.parse(JSON.stringify({ kty, crv, x, y, n, e })));
    if (kty === 'RSA') expect(privateKey.asymmetricKeyDetails!.modulusLength).toBe(2048);
  });

  it.each(algorithmNames)('keeps the private half of %s in the seal alone', async (alg) => {
    const { publicJwk, seal: _, ...rest } = await generateKey(alg, 2048, seal);
    const publicMembers = ['alg', 'crv', 'e', 'kid', 'kty', 'n', 'use', 'x', 'y'];
    expect(publicMembers).toEqual(expect.arrayContaining(Object.keys(publicJwk)));
    expect(Object.keys(rest).sort()).toEqual(['alg', 'kid']);
  });

  it('makes RSA keys of the size that is asked for', async () => {
    const { publicJwk } = await generateKey('PS256', 3072, seal);
    expect(Buffer.from(publicJwk['n'] as string, 'base64url')).toHaveLength(384);
  });

  it('never makes the same key twice', async () => {
    const [one, other] = await Promise.all([
      generateKey('ES256', 2048, seal),
      generateKey('ES256', 2048, seal),
    ]);
    expect(one.kid).not.toBe(other.kid);
  });
});
