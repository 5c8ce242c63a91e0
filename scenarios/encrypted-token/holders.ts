/** What somebody can do with a token: without a key, with a private key, and with a public key. */
import { compactDecrypt } from 'jose';
import { createPrivateKey, createPublicKey, type JsonWebKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { encryptCompact } from '#testing';
import { readEncryptionKey } from '#trust';

/** Each segment, decoded. What is no JSON is shown as its number of bytes. */
export function readSegments(token: string): string[] {
  return token.split('.').map((segment) => {
    const bytes = Buffer.from(segment, 'base64url');
    return bytes.toString().startsWith('{"') ? bytes.toString() : `${bytes.length} bytes`;
  });
}

/** The signed token in an encrypted one. @throws JOSEError if it was encrypted for another key */
export async function decryptToken(token: string, privateKeyFile: string): Promise<string> {
  const jwk = readJson<JsonWebKey>(privateKeyFile);
  const { plaintext } = await compactDecrypt(token, createPrivateKey({ key: jwk, format: 'jwk' }));
  return Buffer.from(plaintext).toString();
}

/** Encrypts any text for an audience, as anybody can who has the file with the public keys. */
export function encryptFor(audience: string, text: string, publicKeysFile: string): string {
  const jwk = readJson<Record<string, JsonWebKey>>(publicKeysFile)[audience]!;
  const { kid } = readEncryptionKey({ ...jwk });
  return encryptCompact(text, { kid, publicKey: createPublicKey({ key: jwk, format: 'jwk' }) });
}

const readJson = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;
