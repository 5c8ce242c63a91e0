import { createHash, createPublicKey, type JsonWebKey } from 'node:crypto';
import {
  algorithmNames,
  algorithms,
  isAlgorithmName,
  type Algorithm,
  type AlgorithmName,
} from './algorithms.js';
import { decodeBase64url } from './base64url.js';
import type { VerificationKey } from './compact.js';
import { JwsError } from './jws-error.js';
import { isRocaModulus } from './roca.js';
import type { JsonObject } from './strict-json.js';

/** An admitted public JWK, with its RFC 7638 thumbprint. */
export interface PublicKey extends VerificationKey {
  readonly thumbprint: string;
}

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/**
 * Admits a JWK (RFC 7517) as a key that verifies signatures, or refuses it. Accepted: `use: sig` (where present),
 * `key_ops` that allow `verify` (where present), an `alg` of the table that fits `kty` and `crv`, RSA with 2048 to 8192
 * bits and e = 65537 and no ROCA fingerprint, EC points of full length on their curve. Everything else is refused, and
 * so are symmetric keys and keys with a private member.
 *
 * @throws JwsError `bad_key`
 */
export function admitPublicJwk(jwk: JsonObject): PublicKey {
  for (const name of PRIVATE_MEMBERS) {
    if (Object.hasOwn(jwk, name)) throw badKey('has a private or symmetric member');
  }
  const { use, key_ops: operations, kty } = jwk;
  if (use !== undefined && use !== 'sig') throw badKey('use is not sig');
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    throw badKey('key_ops do not allow verify');
  }
  const alg = algorithmOf(jwk);
  const members = kty === 'RSA' ? rsaMembers(jwk) : ecMembers(jwk, algorithms[alg]);
  try {
    const key = createPublicKey({ key: members as unknown as JsonWebKey, format: 'jwk' });
    return { alg, key, thumbprint: thumbprint(members) };
  } catch (cause) {
    throw badKey('is not a valid key', cause);
  }
}

function algorithmOf({ alg, kty, crv }: JsonObject): AlgorithmName {
  if (!isAlgorithmName(alg)) throw badKey(`alg not allowed. Expected: ${algorithmNames.join(', ')}`);
  const algorithm = algorithms[alg];
  if (algorithm.kty !== kty || ('crv' in algorithm && algorithm.crv !== crv)) {
    throw badKey('alg does not fit kty and crv');
  }
  return alg;
}

function rsaMembers(jwk: JsonObject): JsonObject {
  const modulus = member(jwk, 'n');
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (modulus[0] === 0 || bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    throw badKey(`modulus not allowed. Expected: ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits`);
  }
  if (jwk['e'] !== 'AQAB') throw badKey('exponent not allowed. Expected: 65537');
  if (isRocaModulus(modulus)) throw badKey('modulus was made by a generator with the ROCA weakness');
  return { e: jwk['e'], kty: 'RSA', n: jwk['n'] };
}

function ecMembers(jwk: JsonObject, { crv, curveBytes }: Algorithm): JsonObject {
  for (const name of ['x', 'y']) {
    if (member(jwk, name).length !== curveBytes) throw badKey(`${name} is not of full length`);
  }
  return { crv, kty: 'EC', x: jwk['x'], y: jwk['y'] };
}

function member(jwk: JsonObject, name: string): Buffer {
  const value = jwk[name];
  if (typeof value !== 'string') throw badKey(`${name} is missing`);
  try {
    return decodeBase64url(value, name);
  } catch (cause) {
    throw badKey(`${name} is not canonical base64url`, cause);
  }
}

/** RFC 7638 §3: SHA-256 over the required members in lexicographic order. `members` must be written in this order. */
function thumbprint(members: JsonObject): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}

function badKey(message: string, cause?: unknown): JwsError {
  return new JwsError('bad_key', `the key ${message}`, { cause });
}
