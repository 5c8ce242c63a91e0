/**
 * The signature algorithms of Signet (RFC 7518 §3.1), in one table. No other code lists algorithms: their names, the
 * keys that fit them and the check of a signature come from here. There is no symmetric algorithm and no `none`, so no
 * key can ever be used with one.
 */
import { constants, verify, type KeyObject } from 'node:crypto';
import { joseToDer } from './ecdsa-signature.js';

export interface Algorithm {
  /** The JWK key type that fits (RFC 7518 §6.1). */
  readonly kty: 'RSA' | 'EC';
  /** The JWK curve that fits, for EC. */
  readonly crv?: 'P-256' | 'P-384' | 'P-521';
  /** Length in bytes of each coordinate of a point, and of r and s in a signature, for EC (RFC 7518 §3.4, §6.2.1). */
  readonly curveBytes?: number;
  /** Name of the hash in Node's crypto. */
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** Checks `signature` (in its JOSE form) over `input`. Returns false for any wrong signature, and never throws. */
  verify(key: KeyObject, input: Buffer, signature: Buffer): boolean;
}

function rsa(hash: Algorithm['hash'], padding: 'pkcs1' | 'pss'): Algorithm {
  const options =
    padding === 'pkcs1'
      ? { padding: constants.RSA_PKCS1_PADDING }
      : // RFC 7518 §3.5: the salt is as long as the hash.
        { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return {
    kty: 'RSA',
    hash,
    // RFC 8017 §8.1.2 step 1. OpenSSL also accepts a PSS signature without its leading zero byte. That would be a
    // second spelling of the same signature.
    verify: (key, input, signature) =>
      signature.length === modulusBytes(key) && verify(hash, input, { key, ...options }, signature),
  };
}

function modulusBytes(key: KeyObject): number {
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

function ecdsa(crv: NonNullable<Algorithm['crv']>, hash: Algorithm['hash'], curveBytes: number): Algorithm {
  return {
    kty: 'EC',
    crv,
    curveBytes,
    hash,
    // As DER, because `dsaEncoding: 'ieee-p1363'` takes one and a half times as long on Node 24.
    verify: (key, input, signature) =>
      signature.length === 2 * curveBytes && verify(hash, input, key, joseToDer(signature)),
  };
}

export const algorithms = {
  ES256: ecdsa('P-256', 'sha256', 32),
  ES384: ecdsa('P-384', 'sha384', 48),
  ES512: ecdsa('P-521', 'sha512', 66),
  RS256: rsa('sha256', 'pkcs1'),
  PS256: rsa('sha256', 'pss'),
} as const satisfies Record<string, Algorithm>;

export type AlgorithmName = keyof typeof algorithms;

export const algorithmNames = Object.keys(algorithms) as readonly AlgorithmName[];

export function isAlgorithmName(name: unknown): name is AlgorithmName {
  return typeof name === 'string' && Object.hasOwn(algorithms, name);
}
