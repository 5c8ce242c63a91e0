/**
 * The keys of encrypted access tokens. Each audience has a key pair of its own: the issuer encrypts with the public half,
 * and only the holder of the private half can read. A signing key is never used for this, nor the other way round.
 */
import { createECDH, createHash, createPublicKey, KeyObject } from 'node:crypto';
import { decodeBase64url, JwsError, type JsonObject } from '#jws';

/** The one way in which access tokens are encrypted (RFC 7518 §4.6, §5.3). Nothing else is made, and nothing else read. */
export const ENCRYPTION = { alg: 'ECDH-ES+A256KW', enc: 'A256GCM', crv: 'P-256' } as const;

const COORDINATE_BYTES = 32;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** The public half of a key pair. `kid` is its RFC 7638 thumbprint, whatever `kid` the JWK names. */
export interface EncryptionKey {
  readonly kid: string;
  readonly key: KeyObject;
}

/** The private half as a JWK, with the `kid` of its public half. Nothing here makes a key of it that could sign. */
export interface DecryptionKey {
  readonly kid: string;
  readonly jwk: Readonly<Record<'crv' | 'kty' | 'x' | 'y' | 'd', string>>;
}

/**
 * Admits a public JWK, to encrypt for its holder.
 *
 * @throws JwsError `bad_key` if it is not a P-256 key, has another purpose, or has a private member
 */
export function readEncryptionKey(jwk: JsonObject): EncryptionKey {
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name)))
    throw badKey('has a private or symmetric member. Expected: the public half only');
  const members = publicMembers(jwk);
  return { kid: thumbprint(members), key: importing(() => createPublicKey({ key: members, format: 'jwk' })) };
}

/**
 * Admits a private key, to decrypt what was encrypted for it.
 *
 * @throws JwsError `bad_key` if it is not a P-256 key, has another purpose, or has no private half that fits
 */
export function readDecryptionKey(key: JsonObject | KeyObject): DecryptionKey {
  const jwk = key instanceof KeyObject ? exported(key) : key;
  const members = publicMembers(jwk);
  const d = coordinate(jwk, 'd', 'has no private half: d is missing');
  if (!isPair(d, members)) throw badKey('has a private half that does not belong to its public half');
  return { kid: thumbprint(members), jwk: Object.freeze({ ...members, d }) };
}

type Members = Record<'crv' | 'kty' | 'x' | 'y', string>;

function publicMembers(jwk: JsonObject): Members {
  const { kty, crv, use, alg, key_ops: operations } = jwk;
  if (kty !== 'EC' || crv !== ENCRYPTION.crv)
    throw badKey(`kty and crv not allowed. Expected: EC and ${ENCRYPTION.crv}`);
  if (use !== undefined && use !== 'enc') throw badKey('use not allowed. Expected: enc');
  if (alg !== undefined && alg !== ENCRYPTION.alg)
    throw badKey(`alg not allowed. Expected: ${ENCRYPTION.alg}`);
  // RFC 7517 §4.3: the operation is that of the private half. A public half for ECDH has an empty list.
  if (operations !== undefined && !(Array.isArray(operations) && operations.every(derives)))
    throw badKey('key_ops not allowed. Expected: deriveBits, deriveKey');
  return { crv, kty, x: coordinate(jwk, 'x'), y: coordinate(jwk, 'y') };
}

const derives = (operation: unknown) => operation === 'deriveBits' || operation === 'deriveKey';

function coordinate(jwk: JsonObject, name: string, missing = `lacks ${name}`): string {
  const value = jwk[name];
  if (typeof value !== 'string') throw badKey(missing);
  const bytes = importing(() => decodeBase64url(value, name));
  if (bytes.length !== COORDINATE_BYTES) throw badKey(`${name} is not of full length`);
  return value;
}

/** Whether the public half belongs to the private half. If not, each token would be refused later. */
function isPair(d: string, { x, y }: Members): boolean {
  const pair = createECDH('prime256v1');
  importing(() => pair.setPrivateKey(d, 'base64url'));
  const halves = ['04', ...[x, y].map((half) => Buffer.from(half, 'base64url').toString('hex'))];
  return pair.getPublicKey('hex') === halves.join('');
}

function exported(key: KeyObject): JsonObject {
  if (key.type !== 'private') throw badKey(`is ${key.type}. Expected: a private key`);
  return importing(() => key.export({ format: 'jwk' }) as JsonObject);
}

function importing<T>(step: () => T): T {
  try {
    return step();
  } catch (cause) {
    throw badKey('is not a valid key', cause);
  }
}

/** RFC 7638 §3. The members must be in lexicographic order. */
function thumbprint({ crv, kty, x, y }: Members): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

function badKey(message: string, cause?: unknown): JwsError {
  return new JwsError('bad_key', `the key ${message}`, { cause });
}
