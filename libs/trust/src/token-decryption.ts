/**
 * Reads encrypted access tokens: a signed token inside a compact JWE (RFC 7516 §7.1, nested as in RFC 7519 §5.2). That a
 * token decrypts proves nothing about its sender, because anybody can encrypt with a public key. So the signed token inside
 * must pass every check of an ordinary token.
 */
import { JOSEError } from 'jose/errors';
// Not from 'jose' itself: this package must not be able to sign.
import { compactDecrypt } from 'jose/jwe/compact/decrypt';
import { decodeBase64url, JwsError, parseJsonObject, type JsonObject } from '#jws';
import { ENCRYPTION, type DecryptionKey } from './encryption-key.js';
import { TrustError, type TrustErrorCode } from './trust-error.js';

/** An encrypted token as it was sent, and the signed token that was in it. */
export interface DecryptedToken {
  readonly sent: string;
  readonly signed: string;
}

const HEADER = ['alg', 'cty', 'enc', 'epk', 'kid'];
const EPHEMERAL_KEY = ['crv', 'kty', 'x', 'y'];
/** What follows the header, and its length in bytes where that is fixed. The wrapped key has 32 bytes and a check of 8. */
const SEGMENTS = [
  ['encrypted key', 40],
  ['iv', 12],
  ['ciphertext', undefined],
  ['tag', 16],
] as const;

/**
 * Makes the function that decrypts tokens with this key. It checks, in this order:
 * - the size; five segments, in canonical base64url, each of its length; a JSON header without duplicate names
 * - the header has exactly `alg`, `cty`, `enc`, `epk` and `kid`, with the one `alg` and the one `enc`
 * - `kid` is this key, and `epk` is a point on its curve
 * - the encryption holds, which includes every byte of the header
 *
 * What is inside is not looked at. It is not decrypted again if it is encrypted itself.
 *
 * @throws TrustError `too_large` · `not_encrypted` · `malformed` · `unsupported_header` · `alg_mismatch` · `wrong_typ` ·
 * `undecryptable`
 */
export function createDecryptToken({ kid, jwk }: DecryptionKey, { maxBytes }: { maxBytes: number }) {
  return async function decryptToken(sent: string): Promise<DecryptedToken> {
    if (sent.length > maxBytes) throw new TrustError('too_large', `longer than ${maxBytes} bytes`);
    checkHeader(parseHeader(sent), kid);
    try {
      const { plaintext } = await compactDecrypt(sent, jwk, {
        keyManagementAlgorithms: [ENCRYPTION.alg],
        contentEncryptionAlgorithms: [ENCRYPTION.enc],
      });
      // A byte outside of ASCII stays one character, which no part of a signed token may have.
      return { sent, signed: Buffer.from(plaintext).toString('latin1') };
    } catch (cause) {
      if (!(cause instanceof JOSEError)) throw cause;
      throw new TrustError('undecryptable', 'it does not decrypt with this key', { cause });
    }
  };
}

function parseHeader(sent: string): JsonObject {
  const segments = sent.split('.', SEGMENTS.length + 2);
  if (segments.length === 3) throw new TrustError('not_encrypted', 'tokens for this service are encrypted');
  if (segments.length !== SEGMENTS.length + 1) throw new TrustError('malformed', 'not five segments');
  try {
    SEGMENTS.forEach(([what, bytes], i) => {
      const { length } = decodeBase64url(segments[i + 1]!, what);
      if (bytes !== undefined && length !== bytes)
        throw new JwsError('malformed', `${what} has a wrong length`);
    });
    return parseJsonObject(decodeBase64url(segments[0]!, 'header'), 'header');
  } catch (error) {
    if (error instanceof JwsError) throw new TrustError('malformed', error.message, { cause: error });
    throw error;
  }
}

function checkHeader(header: JsonObject, kid: string): void {
  const { alg, enc, cty, epk } = header;
  ensure(alg === ENCRYPTION.alg, 'alg_mismatch', `alg is not ${ENCRYPTION.alg}`);
  ensure(enc === ENCRYPTION.enc, 'alg_mismatch', `enc is not ${ENCRYPTION.enc}`);
  // RFC 7519 §5.2: "JWT" in capitals is recommended. Media types are compared without regard to case.
  ensure(typeof cty === 'string' && cty.toLowerCase() === 'jwt', 'wrong_typ', 'cty is not JWT');
  ensure(hasExactly(header, HEADER), 'unsupported_header', 'a header is missing, or one is not accepted');
  ensure(header['kid'] === kid, 'undecryptable', 'it was encrypted for another key');
  ensure(isEphemeralKey(epk), 'undecryptable', `epk is not a public ${ENCRYPTION.crv} key`);
}

function isEphemeralKey(epk: unknown): boolean {
  if (typeof epk !== 'object' || epk === null || !hasExactly(epk, EPHEMERAL_KEY)) return false;
  const { kty, crv } = epk as JsonObject;
  // jose checks that the point is on the curve.
  return kty === 'EC' && crv === ENCRYPTION.crv;
}

function hasExactly(object: object, names: readonly string[]): boolean {
  const found = Object.keys(object);
  return found.length === names.length && names.every((name) => Object.hasOwn(object, name));
}

function ensure(holds: boolean, code: TrustErrorCode, message: string): void {
  if (!holds) throw new TrustError(code, message);
}
