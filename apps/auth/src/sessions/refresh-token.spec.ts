import { describe, expect, it } from '@jest/globals';
import {
  hashesOf,
  newRefreshToken,
  decryptSuccessor,
  encryptSuccessor,
  successorOf,
} from './refresh-token.js';

describe('a refresh token', () => {
  it('is 48 random bytes in base64url', () => {
    const tokens = Array.from({ length: 100 }, newRefreshToken);
    for (const token of tokens) expect(token).toMatch(/^[\w-]{64}$/);
    expect(new Set(tokens).size).toBe(100);
  });

  it('has a successor with the same tag and another secret', () => {
    const token = newRefreshToken();
    const [before, after] = [hashesOf(token)!, hashesOf(successorOf(token))!];
    expect(after.tagHash).toBe(before.tagHash);
    expect(after.tokenHash).not.toBe(before.tokenHash);
    expect(hashesOf(newRefreshToken())!.tagHash).not.toBe(before.tagHash);
  });

  it.each([
    '',
    'x'.repeat(63),
    'x'.repeat(65),
    `${'x'.repeat(63)}=`,
    `${'x'.repeat(63)}+`,
    `${'x'.repeat(64)}\n`,
  ])('is not %j', (text) => {
    expect(hashesOf(text)).toBeUndefined();
  });

  it('is known by hashes that do not contain it', () => {
    const token = newRefreshToken();
    const hashes = Object.values(hashesOf(token)!);
    expect(new Set(hashes).size).toBe(2);
    for (const hash of hashes) expect(token).not.toContain(hash.slice(0, 8));
  });
});

describe('an encrypted successor', () => {
  it('is decrypted by the token before it, and by no other', () => {
    const token = newRefreshToken();
    const successor = successorOf(token);
    const encrypted = encryptSuccessor(successor, token);
    expect(decryptSuccessor(encrypted, token)).toBe(successor);
    expect(() => decryptSuccessor(encrypted, successor)).toThrow();
    expect(() => decryptSuccessor(encrypted, successorOf(token))).toThrow();
    const changed = Buffer.from(encrypted, 'base64url');
    changed[20]! ^= 1;
    expect(() => decryptSuccessor(changed.toString('base64url'), token)).toThrow();
  });

  it('looks different each time', () => {
    const token = newRefreshToken();
    expect(encryptSuccessor(token, token)).not.toBe(encryptSuccessor(token, token));
  });
});
