/**
 * Refresh tokens (RFC 6749 §1.5): opaque to everybody but auth. A token is a tag of 128 bits, which all tokens of one
 * session share, and a secret of 256 bits, in base64url. The database holds hashes, and the unused token encrypted under
 * the one before it. Whoever presents a known tag has held some token of that session. So auth recognizes a used token
 * without a row for it.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

const TAG_BYTES = 16;
const SECRET_BYTES = 32;
const FORM = /^[A-Za-z0-9_-]{64}$/;
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;

/** The hashes by which the database knows a token: SHA-256 in base64url. */
export interface RefreshTokenHashes {
  readonly tagHash: string;
  readonly tokenHash: string;
}

/** Makes the first refresh token of a session. */
export function newRefreshToken(): string {
  return randomBytes(TAG_BYTES + SECRET_BYTES).toString('base64url');
}

/** Makes the next token of the same session. */
export function successorOf(token: string): string {
  const tag = Buffer.from(token, 'base64url').subarray(0, TAG_BYTES);
  return Buffer.concat([tag, randomBytes(SECRET_BYTES)]).toString('base64url');
}

/** Returns the hashes of a token, or undefined if the text does not have the form of one. */
export function hashesOf(text: string): RefreshTokenHashes | undefined {
  // 48 bytes are exactly 64 characters, so each token has one spelling.
  if (!FORM.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return { tagHash: sha256(bytes.subarray(0, TAG_BYTES)), tokenHash: sha256(bytes) };
}

/** Encrypts a token so that only somebody who holds its predecessor can read it. */
export function encryptSuccessor(successor: string, used: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, encryptionKey(used), iv);
  const parts = [iv, cipher.update(successor, 'latin1'), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(parts).toString('base64url');
}

/** Decrypts what {@link encryptSuccessor} made. @throws Error if `used` is not the token that it was encrypted under */
export function decryptSuccessor(encrypted: string, used: string): string {
  const bytes = Buffer.from(encrypted, 'base64url');
  const decipher = createDecipheriv(CIPHER, encryptionKey(used), bytes.subarray(0, IV_BYTES), {
    authTagLength: 16,
  });
  decipher.setAuthTag(bytes.subarray(-16));
  return decipher.update(bytes.subarray(IV_BYTES, -16), undefined, 'latin1') + decipher.final('latin1');
}

/** RFC 5869. No salt: the token is random already. */
const encryptionKey = (token: string): Buffer =>
  Buffer.from(hkdfSync('sha256', Buffer.from(token, 'base64url'), '', 'refresh successor', 32));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64url');
