import { CompactEncrypt } from 'jose';
import { parseJsonObject, type JsonObject } from '#jws';
import { ENCRYPTION, readEncryptionKey, type EncryptionKey } from '#trust';

/** The audiences whose access tokens are encrypted, each with the public half of its key pair. */
export type EncryptFor = ReadonlyMap<string, EncryptionKey>;

/**
 * Reads a JSON object with a public JWK for each audience.
 *
 * @throws JwsError `malformed` · `bad_key`
 */
export function readEncryptFor(text: string): EncryptFor {
  const byAudience = Object.entries(parseJsonObject(Buffer.from(text), 'the file'));
  return new Map(byAudience.map(([audience, jwk]) => [audience, readEncryptionKey(asObject(jwk))]));
}

/** Encrypts a signed token to this key, as a nested JWT (RFC 7519 §5.2). */
export function encryptToken(signed: string, { kid, key }: EncryptionKey): Promise<string> {
  const { alg, enc } = ENCRYPTION;
  return new CompactEncrypt(Buffer.from(signed))
    .setProtectedHeader({ alg, enc, cty: 'JWT', kid })
    .encrypt(key);
}

function asObject(jwk: unknown): JsonObject {
  return typeof jwk === 'object' && jwk !== null ? (jwk as JsonObject) : {};
}
