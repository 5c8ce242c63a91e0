/**
 * What a resource service does with a bearer token, step by step (RFC 9068 §4, RFC 8725). It needs the key ring,
 * with its view of revocations, and the clock, and nothing else: no secret, no network, no database.
 */
import { JwsError, parseCompact, readPayload, verifySignature } from '#jws';
import type { PublishedKey } from '#statements';
import { readClaims, type AccessTokenClaims } from './access-token-claims.js';
import { numericDate, systemClock, type Clock } from './clock.js';
import type { KeyRing } from './key-ring.js';
import { TrustError } from './trust-error.js';
import { VerifiedTokens } from './verified-tokens.js';

const ACCESS_TOKEN_TYPES = ['at+jwt', 'application/at+jwt'] as const;

export interface VerifyOptions {
  readonly ring: KeyRing;
  /** Longest accepted `exp - iat` in seconds; default 300. */
  readonly maxLifetimeSeconds?: number;
  /** Tolerated difference of clocks in seconds, at most 5; default 5. */
  readonly clockSkewSeconds?: number;
  /** Size limit of a token in bytes; default 8 KiB. */
  readonly maxTokenBytes?: number;
  /** How many verified tokens are remembered; default 10,000, 0 turns it off. */
  readonly cacheSize?: number;
  readonly clock?: Clock;
}

/** What a token must be for, beyond being genuine. */
export interface Expectation {
  /** The service's own name; `undefined` accepts any audience of the issuer (auth's session routes). */
  readonly audience: string | undefined;
  /** All of these must have been granted. */
  readonly scopes?: readonly string[];
  /** Answers `trust_stale` rather than accept a token that may have been revoked lately without our knowing. */
  readonly strict?: boolean;
}

export type VerifyAccessToken = (token: string, expected: Expectation) => AccessTokenClaims;

/**
 * Makes the verify function over one key ring. It checks, in this order: the ring has not expired; size and form;
 * `typ` is `at+jwt`; no `crit`, `b64`, `zip`; `kid` is in the ring; `alg` is the key's own; the signature; the
 * required claims; `iss`; no `cnf`; `aud`; `exp`, `nbf`, `iat`; lifetime; the key's own end; not revoked (jti, txn,
 * sid, client_id); scopes.
 *
 * The function is synchronous: nothing happens between its last check and its verdict.
 *
 * @throws RangeError at once, if an option is out of bounds
 * @throws TrustError from the function, with the first check that failed as `code`
 */
export function createVerifyAccessToken({
  ring,
  maxLifetimeSeconds = 300,
  clockSkewSeconds = 5,
  maxTokenBytes = 8 * 1024,
  cacheSize = 10_000,
  clock = systemClock,
}: VerifyOptions): VerifyAccessToken {
  // NaN above all: no comparison with it holds, so it would lift the limit.
  requireRange({ clockSkewSeconds }, 0, 5);
  requireRange({ maxLifetimeSeconds }, 1, Infinity);
  requireRange({ maxTokenBytes }, 1, Infinity);
  requireRange({ cacheSize }, 0, 2 ** 24);
  const verified = new VerifiedTokens(cacheSize);

  return (token, expected) => {
    checkRing(ring);
    const known = verified.get(token);
    // The ring hands out another object once anything about the key has changed.
    const genuine = known && ring.find(known.key.kid) === known.key ? known : verifyGenuine(token);
    const { key, claims } = genuine;
    checkAudience(claims, expected.audience);
    checkTimes(claims, key);
    const { counter } = ring.revocations;
    // Nothing was revoked since it was last found good.
    if (known?.counter !== counter || genuine !== known) {
      checkRevocations(ring, claims);
      verified.add(token, { key, claims, counter });
    }
    if (expected.strict && !ring.revocations.isFresh())
      throw new TrustError('trust_stale', 'the revocation view is not fresh');
    checkScopes(claims, expected.scopes ?? []);
    return claims;
  };

  /** Everything about a token that stays true for as long as its key stays in the ring unchanged. */
  function verifyGenuine(token: string): { key: PublishedKey; claims: AccessTokenClaims } {
    return asTrustError(() => {
      const jws = parseCompact(token, { maxBytes: maxTokenBytes, types: ACCESS_TOKEN_TYPES });
      const key = ring.find(jws.header['kid']);
      if (!key) throw new TrustError('unknown_kid', 'kid is not in the key ring');
      verifySignature(jws, key);
      const claims = readClaims(readPayload(jws));
      if (claims.iss !== ring.issuer)
        throw new TrustError('wrong_issuer', 'iss is not the configured issuer');
      checkUnbound(claims);
      return { key, claims };
    });
  }

  function checkTimes(claims: AccessTokenClaims, key: PublishedKey): void {
    const now = numericDate(clock);
    const { exp, iat, nbf = iat } = claims;
    if (now >= exp + clockSkewSeconds) throw new TrustError('expired', 'exp has passed');
    if (now < Math.max(iat, nbf) - clockSkewSeconds)
      throw new TrustError('not_yet_valid', 'iat or nbf is in the future');
    if (exp - iat > maxLifetimeSeconds || exp <= iat)
      throw new TrustError('lifetime_too_long', 'exp - iat is too long, or not positive');
    if (key.verifyUntil !== undefined && (exp > key.verifyUntil || now > key.verifyUntil)) {
      throw new TrustError('past_key_end', 'the key ends before the token');
    }
  }
}

function requireRange(option: Readonly<Record<string, number>>, low: number, high: number): void {
  for (const [name, value] of Object.entries(option)) {
    if (!(value >= low && value <= high))
      throw new RangeError(`${name} not allowed: ${value}. Expected: ${low} to ${high}`);
  }
}

function checkRing(ring: KeyRing): void {
  const freshness = ring.freshness();
  if (freshness === 'empty') throw new TrustError('trust_stale', 'no key-set statement yet');
  if (freshness === 'stale') throw new TrustError('trust_stale', 'the key-set statement has expired');
}

/**
 * A token that is bound to a key (`cnf`, RFC 7800) is good only with the proof that its sender holds that key (RFC 8705,
 * RFC 9449). No proof is checked here, so whoever stole such a token could use it.
 */
function checkUnbound(claims: AccessTokenClaims): void {
  if (Object.hasOwn(claims, 'cnf'))
    throw new TrustError('key_bound', 'cnf requires a proof of possession, which is not checked here');
}

function checkAudience(claims: AccessTokenClaims, audience: string | undefined): void {
  if (audience !== undefined && claims.aud !== audience) {
    throw new TrustError('wrong_audience', 'aud is another service');
  }
}

function checkRevocations({ revocations }: KeyRing, claims: AccessTokenClaims): void {
  const claim = revocations.revokes(claims);
  if (claim !== undefined) throw new TrustError('revoked', `its ${claim} is revoked`);
}

function checkScopes(claims: AccessTokenClaims, scopes: readonly string[]): void {
  const granted = claims.scope?.split(' ') ?? [];
  const missing = scopes.filter((scope) => !granted.includes(scope));
  if (missing.length > 0) throw new TrustError('insufficient_scope', `lacks ${missing.join(' ')}`);
}

function asTrustError<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    // Keys were admitted with the statement: a token cannot bring one.
    if (error instanceof JwsError && error.code !== 'bad_key') {
      throw new TrustError(error.code, error.message, { cause: error });
    }
    throw error;
  }
}
