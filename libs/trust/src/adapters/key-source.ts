/** Where a verifier of another library gets its keys from: from `openTrust`, or from a `JwksKeySource`. */
import type { KeyObject } from 'node:crypto';
import type { AlgorithmName } from '#jws';
import { TrustError } from '../trust-error.js';

/** The header parameters of a JWS that choose its key (RFC 7515 §4.1). Nothing in them can be believed yet. */
export interface KeyHeader {
  readonly kid?: unknown;
  readonly alg?: unknown;
}

/** Finds the keys of an issuer. What it finds changes whenever the issuer's keys change. */
export interface KeySource {
  /**
   * Finds the public key for a token by its header. It is handed out only if `alg` is the one algorithm of the key, so
   * that no library can use it with another one (RFC 8725 §3.1).
   *
   * @throws TrustError `unknown_kid` · `alg_mismatch` · `past_key_end` · `trust_stale`
   */
  keyFor(header: KeyHeader): Promise<KeyObject>;
}

/** @throws TrustError `alg_mismatch` */
export function requireAlgorithm({ alg }: KeyHeader, own: AlgorithmName): void {
  if (alg !== own) throw new TrustError('alg_mismatch', 'alg is not the algorithm of the key');
}
