/**
 * Verifies an access token step by step (RFC 9068 §4, RFC 8725). It needs only the key ring, with its revocation view,
 * and the clock: no network, no database, and no secret unless tokens are encrypted.
 */
import type { KeyObject } from 'node:crypto';
import { JwsError, parseCompact, readPayload, verifySignature, type JsonObject } from '#jws';
import type { PublishedKey } from '#statements';
import { readClaims, type AccessTokenClaims } from './access-token-claims.js';
import { numericDate, systemClock, type Clock } from './clock.js';
import { readDecryptionKey } from './encryption-key.js';
import type { KeyRing, RingFault } from './key-ring.js';
import { createScopeSets } from './scope-sets.js';
import { createDecryptToken, type DecryptedToken } from './token-decryption.js';
import { TrustError } from './trust-error.js';
import { VerifiedTokens, type VerifiedToken } from './verified-tokens.js';

const ACCESS_TOKEN_TYPES = ['at+jwt', 'application/at+jwt'] as const;

const RING_FAULTS: Readonly<Record<RingFault, string>> = {
  empty: 'no key-set statement yet',
  stale: 'the key-set statement has expired',
  incomplete: 'not all revocations are here yet',
  too_many: 'there are more revocations than may be held',
};

/** The greatest difference of clocks that a verifier may tolerate. The issuer relies on it. */
export const MAX_CLOCK_SKEW_SECONDS = 5;

/** These many tokens take about 1 GB. */
const MAX_CACHE_SIZE = 2 ** 20;

export interface VerifyOptions {
  readonly ring: KeyRing;
  /** Longest accepted `exp - iat` in seconds; default 300. */
  readonly maxLifetimeSeconds?: number;
  /** Tolerated difference of clocks in seconds, at most 5; default 5. */
  readonly clockSkewSeconds?: number;
  /** Size limit of a token in bytes; default 8 KiB. */
  readonly maxTokenBytes?: number;
  /** How many verified tokens are remembered: at most 2^20, by default 10,000. 0 turns it off. */
  readonly cacheSize?: number;
  /**
   * The private half of this audience's key pair (P-256, a private JWK or a key object). With it, every token must be
   * encrypted, and a token that is only signed is refused. Without it, an encrypted token is refused.
   */
  readonly decryptionKey?: JsonObject | KeyObject | undefined;
  readonly clock?: Clock;
}

/** The signed tokens that were in encrypted ones, by the claims object that {@link VerifyAccessToken} returned. */
const signedForms = new WeakMap<AccessTokenClaims, string>();

/**
 * Returns the signed token that was in an encrypted one, by the claims object of the verified token. Undefined for a token
 * that was not encrypted: it is signed as it was sent.
 */
export function decryptedForm(claims: AccessTokenClaims): string | undefined {
  return signedForms.get(claims);
}

/** What a token must be for, beyond being genuine. */
export interface Expectation {
  /** The service's own name; `undefined` accepts any audience of the issuer (auth's session routes). */
  readonly audience: string | undefined;
  /** The token must grant all of these. */
  readonly scopes?: readonly string[];
  /**
   * The token must belong to a session, and this client must be the one that acts: `act.sub` of the outermost `act` (RFC
   * 8693 §4.1). Without it, the actor of a token does not matter.
   */
  readonly actor?: string | undefined;
  /**
   * Refuses with `trust_stale` while the revocation view is not fresh: the token may have been revoked a moment ago.
   */
  readonly strict?: boolean;
}

export interface VerifyAccessToken {
  /** @throws TrustError with the first check that failed as `code` */
  (token: string | DecryptedToken, expected: Expectation): AccessTokenClaims;
  /**
   * Decrypts a token for the function itself. Absent unless there is a decryption key: then the function takes a token
   * as it was sent. A token that was verified before is not decrypted again.
   *
   * @throws TrustError with the first check that failed as `code`
   */
  decrypt?: ((sent: string) => Promise<DecryptedToken>) | undefined;
  /**
   * Returns the claims of a token that was verified before, if it passes now every check whose result can change. It
   * uses no cryptography and never throws. `undefined` means only that the function itself must judge the token.
   */
  recall(token: string, expected: Expectation): AccessTokenClaims | undefined;
}

/**
 * Makes the verify function for one key ring. It checks, in this order:
 * - the ring has a statement, and it has not expired; its revocation view may be used
 * - with a decryption key: the token was encrypted ({@link createDecryptToken})
 * - size and form; `typ` is `at+jwt`; no `crit`, `b64`, `zip`
 * - `kid` is in the ring; `alg` is the algorithm of that key; the signature
 * - the required claims; `iss`; no `cnf`; `aud`
 * - `exp`, `nbf`, `iat`; the lifetime; the end of the key
 * - no revocation names its `jti`, `txn`, `sid` or `client_id`, or an actor of `act`
 * - for a `strict` expectation: the revocation view is fresh
 * - the actor; scopes
 *
 * The function is synchronous, so nothing can change between its checks and its result.
 *
 * @throws RangeError at once, if an option is out of bounds
 * @throws JwsError `bad_key` at once, if `decryptionKey` cannot decrypt
 */
export function createVerifyAccessToken({
  ring,
  maxLifetimeSeconds = 300,
  clockSkewSeconds = 5,
  maxTokenBytes = 8 * 1024,
  cacheSize = 10_000,
  decryptionKey,
  clock = systemClock,
}: VerifyOptions): VerifyAccessToken {
  // This refuses NaN too: every comparison with NaN is false, so a limit of NaN would be no limit.
  requireRange({ clockSkewSeconds }, 0, MAX_CLOCK_SKEW_SECONDS);
  requireRange({ maxLifetimeSeconds }, 1, Infinity);
  requireRange({ maxTokenBytes }, 1, Infinity);
  requireRange({ cacheSize }, 0, MAX_CACHE_SIZE);
  if (!Number.isInteger(cacheSize))
    throw new RangeError(`cacheSize not allowed: ${cacheSize}. Expected: a whole number`);
  const remembered = new VerifiedTokens(cacheSize);
  const scopesOf = createScopeSets();
  const decryptToken =
    decryptionKey && createDecryptToken(readDecryptionKey(decryptionKey), { maxBytes: maxTokenBytes });

  return Object.assign(verify, { recall, decrypt: decryptToken && decrypt });

  function verify(token: string | DecryptedToken, expected: Expectation): AccessTokenClaims {
    const now = numericDate(clock);
    refuse(faultOfRing(ring, now));
    const sent = typeof token === 'string' ? token : token.sent;
    const known = find(sent);
    const verified = known ?? verifyGenuine(token);
    refuse(faultOfToken(verified, expected, now));
    if (!known) remembered.add(sent, verified);
    refuse(faultOfCall(verified, expected));
    return verified.claims;
  }

  function recall(token: string, expected: Expectation): AccessTokenClaims | undefined {
    const now = numericDate(clock);
    if (faultOfRing(ring, now)) return undefined;
    const known = find(token);
    if (!known || faultOfToken(known, expected, now) || faultOfCall(known, expected)) return undefined;
    return known.claims;
  }

  async function decrypt(sent: string): Promise<DecryptedToken> {
    refuse(faultOfRing(ring, numericDate(clock)));
    return remembered.get(sent)?.decrypted ?? decryptToken!(sent);
  }

  /** Finds a token that was verified before, unless its key has changed since or has left the ring. */
  function find(token: string): VerifiedToken | undefined {
    const known = remembered.get(token);
    return known && isKeyUnchanged(known) ? known : undefined;
  }

  /** The ring keeps one object for a key as long as nothing about the key changes. */
  function isKeyUnchanged({ key }: VerifiedToken): boolean {
    return ring.find(key.kid) === key;
  }

  /** Makes the checks whose result cannot change while the key stays in the ring unchanged. */
  function verifyGenuine(given: string | DecryptedToken): VerifiedToken {
    const decrypted = typeof given === 'string' ? undefined : given;
    const signed = typeof given === 'string' ? given : given.signed;
    if (decryptToken && !decrypted)
      throw new TrustError('not_encrypted', 'tokens for this service are encrypted');
    return asTrustError(() => {
      const jws = parseCompact(signed, { maxBytes: maxTokenBytes, types: ACCESS_TOKEN_TYPES });
      const key = ring.find(jws.header['kid']);
      if (!key) throw new TrustError('unknown_kid', 'kid is not in the key ring');
      verifySignature(jws, key);
      const claims = readClaims(readPayload(jws));
      if (claims.iss !== ring.issuer)
        throw new TrustError('wrong_issuer', 'iss is not the configured issuer');
      checkUnbound(claims);
      if (decrypted) signedForms.set(claims, signed);
      const [validFrom, validUntil] = validity(claims, key);
      return {
        decrypted,
        key,
        claims,
        audience: claims.aud,
        validFrom,
        validUntil,
        scopes: scopesOf(claims.scope),
        notRevokedAt: undefined,
        id: -1,
        used: false,
      };
    });
  }

  /**
   * The times between which {@link faultOfTimes} finds nothing in a token that is remembered: from, inclusive, and until.
   * A token in which it finds something at first sight is not remembered.
   */
  function validity(
    { exp, iat, nbf = iat }: AccessTokenClaims,
    { verifyUntil = Infinity }: PublishedKey,
  ): [number, number] {
    return [Math.max(iat, nbf) - clockSkewSeconds, Math.min(exp + clockSkewSeconds, verifyUntil)];
  }

  /** Finds what makes this service refuse the token now, on any route. */
  function faultOfToken(
    verified: VerifiedToken,
    { audience }: Expectation,
    now: number,
  ): TrustError | undefined {
    if (audience !== undefined && verified.audience !== audience)
      return new TrustError('wrong_audience', 'aud is another service');
    const isInTime = now >= verified.validFrom && now < verified.validUntil;
    const nothingRevokedSince = verified.notRevokedAt === ring.revocations.counter;
    if (isInTime && nothingRevokedSince) return undefined;
    return faultOfTimes(verified, now) ?? faultOfRevocation(verified, ring);
  }

  function faultOfTimes({ claims, key }: VerifiedToken, now: number): TrustError | undefined {
    const { exp, iat, nbf = iat } = claims;
    if (now >= exp + clockSkewSeconds) return new TrustError('expired', 'exp has passed');
    if (now < Math.max(iat, nbf) - clockSkewSeconds)
      return new TrustError('not_yet_valid', 'iat or nbf is in the future');
    if (exp - iat > maxLifetimeSeconds || exp <= iat)
      return new TrustError('lifetime_too_long', 'exp - iat is too long, or not positive');
    if (key.verifyUntil !== undefined && (exp > key.verifyUntil || now > key.verifyUntil))
      return new TrustError('past_key_end', 'the key ends before the token');
    return undefined;
  }

  /** Finds what makes only this route refuse the token. */
  function faultOfCall(
    verified: VerifiedToken,
    { strict, actor, scopes }: Expectation,
  ): TrustError | undefined {
    if (strict && !ring.revocations.isFresh())
      return new TrustError('trust_stale', 'the revocation view is not fresh');
    if (actor !== undefined && !isActedBy(actor, verified.claims))
      return new TrustError('wrong_actor', `${actor} does not act for a session with it`);
    return scopes === undefined ? undefined : faultOfScopes(verified, scopes);
  }
}

function isActedBy(client: string, { sid, act }: AccessTokenClaims): boolean {
  return sid !== undefined && act?.sub === client;
}

const isList = (value: unknown): boolean => Array.isArray(value);

function faultOfScopes({ scopes }: VerifiedToken, required: readonly string[]): TrustError | undefined {
  // Without types, a string could be given, and each of its characters would be looked up.
  if (!isList(required)) return new TrustError('internal', 'scopes is not a list');
  for (const scope of required) {
    if (!scopes.has(scope)) return lacks(required.filter((scope) => !scopes.has(scope)));
  }
  return undefined;
}

const lacks = (scopes: readonly string[]) =>
  new TrustError('insufficient_scope', `lacks ${scopes.join(' ')}`);

function refuse(fault: TrustError | undefined): void {
  if (fault) throw fault;
}

function requireRange(option: Readonly<Record<string, number>>, low: number, high: number): void {
  for (const [name, value] of Object.entries(option)) {
    if (typeof value !== 'number' || !(value >= low && value <= high))
      throw new RangeError(`${name} not allowed: ${value}. Expected: ${low} to ${high}`);
  }
}

/** Finds what makes a verifier judge no token now. @param now NumericDate */
export function faultOfRing(ring: KeyRing, now: number): TrustError | undefined {
  const fault = ring.fault(now);
  return fault && new TrustError('trust_stale', RING_FAULTS[fault]);
}

/**
 * Refuses a token that is bound to a key (`cnf`, RFC 7800). Such a token is good only with a proof that its sender
 * holds the key (RFC 8705, RFC 9449). No proof is checked here, so a thief could use the token.
 */
export function checkUnbound(claims: AccessTokenClaims): void {
  if (Object.hasOwn(claims, 'cnf'))
    throw new TrustError('key_bound', 'cnf requires a proof of possession, which is not checked here');
}

function faultOfRevocation(verified: VerifiedToken, { revocations }: KeyRing): TrustError | undefined {
  const claim = revocations.revokes(verified.claims);
  if (claim !== undefined) return new TrustError('revoked', `its ${claim} is revoked`);
  verified.notRevokedAt = revocations.counter;
  return undefined;
}

function asTrustError<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    // A token cannot bring a key, so `bad_key` is a fault of ours: keys were admitted with the statement.
    if (error instanceof JwsError && error.code !== 'bad_key') {
      throw new TrustError(error.code, error.message, { cause: error });
    }
    throw error;
  }
}
