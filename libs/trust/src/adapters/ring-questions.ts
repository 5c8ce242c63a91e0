/** What a verifier of another library asks the key ring: which key, and whether a token is revoked. */
import type { KeyObject } from 'node:crypto';
import { requireClaims } from '../access-token-claims.js';
import { numericDate, systemClock, type Clock } from '../clock.js';
import type { KeyRing } from '../key-ring.js';
import { TrustError } from '../trust-error.js';
import { checkUnbound, faultOfRing } from '../verify-access-token.js';
import { requireAlgorithm, type KeyHeader } from './key-source.js';

/**
 * Finds the key for the header of a token. It is refused in the same cases as by our own verifier.
 *
 * @throws TrustError `unknown_kid` · `alg_mismatch` · `past_key_end` · `trust_stale`
 */
export function findKey(ring: KeyRing, header: KeyHeader, clock: Clock = systemClock): KeyObject {
  const now = numericDate(clock);
  const fault = faultOfRing(ring, now);
  if (fault) throw fault;
  const key = ring.find(header.kid);
  if (!key) throw new TrustError('unknown_kid', 'kid is not in the key ring');
  requireAlgorithm(header, key.alg);
  if (key.verifyUntil !== undefined && now > key.verifyUntil)
    throw new TrustError('past_key_end', 'the key has ended');
  return key.key;
}

/**
 * Finds what our verifier would refuse in the claims of a token that another one has accepted, and what the other one cannot
 * know: the token, its session, its client, or a client that acts in it is revoked. Never throws.
 *
 * @param strict whether it is a fault that the revocations of the last 15 s may not all be here
 * @returns a TrustError `revoked` · `trust_stale` if this cannot be said now · `invalid_claim` · `wrong_issuer` · `key_bound`
 */
export function revocationFault(
  ring: KeyRing,
  claims: Readonly<Record<string, unknown>>,
  { strict = false, clock = systemClock }: { strict?: boolean; clock?: Clock | undefined } = {},
): TrustError | undefined {
  const fault = faultOfRing(ring, numericDate(clock));
  if (fault) return fault;
  if (strict && !ring.revocations.isFresh())
    return new TrustError('trust_stale', 'the revocation view is not fresh');
  try {
    requireClaims(claims);
    if (claims.iss !== ring.issuer) return new TrustError('wrong_issuer', 'iss is not the configured issuer');
    checkUnbound(claims);
    const claim = ring.revocations.revokes(claims);
    return claim === undefined ? undefined : new TrustError('revoked', `its ${claim} is revoked`);
  } catch (error) {
    if (error instanceof TrustError) return error;
    return new TrustError('internal', 'the claims could not be judged', { cause: error });
  }
}
