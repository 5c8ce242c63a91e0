import { generateKeyPairSync } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { createTestKey, writeKeyFile, type TestKey, type TestKeyFile } from '#testing';
import { holdsClientKey, signAssertion } from './client-assertion.js';

const issuer = 'https://issuer.test';
let file: TestKeyFile | undefined;
afterEach(async () => {
  await file?.remove();
  file = undefined;
});

const sign = () => signAssertion({ client: 'orders', issuer, keyFile: file!.path });
const verify = (assertion: string, { publicKey }: TestKey) =>
  jwtVerify(assertion, publicKey, { issuer: 'orders', subject: 'orders', audience: issuer });

describe('signAssertion', () => {
  it.each(['ES256', 'ES384', 'ES512', 'RS256'] as const)(
    'signs with the algorithm of a key for %s',
    async (alg) => {
      const key = createTestKey(alg);
      file = await writeKeyFile(key);
      const assertion = await sign();
      expect(decodeProtectedHeader(assertion)).toEqual({ alg, typ: 'client-authentication+jwt' });
      const { payload } = await verify(assertion, key);
      expect(Object.keys(payload).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'sub']);
      expect(payload.aud).toBe(issuer);
      expect(payload.exp! - payload.iat!).toBe(60);
    },
  );

  it('makes a new jti each time, and takes a new key from the file', async () => {
    const [first, second] = [createTestKey(), createTestKey()];
    file = await writeKeyFile(first);
    const before = await verify(await sign(), first);
    await file.replace(second);
    const after = await verify(await sign(), second);
    expect(after.payload.jti).not.toBe(before.payload.jti);
  });
});

describe('holdsClientKey', () => {
  it('accepts a key that can sign, and nothing else', async () => {
    file = await writeKeyFile(createTestKey());
    expect(holdsClientKey(file.path)).toBe(true);
    await file.replace(generateKeyPairSync('ed25519'));
    expect(holdsClientKey(file.path)).toBe(false);
    expect(holdsClientKey(`${file.path}.absent`)).toBe(false);
  });
});
