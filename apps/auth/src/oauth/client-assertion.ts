/**
 * Verifies client assertions: JWTs by which a client authenticates (`private_key_jwt`, RFC 7523 §3, stricter as
 * draft-ietf-oauth-rfc7523bis has it). An assertion names the issuer as its only audience. So an assertion that a
 * client made for another server is refused here, and the reverse. All functions here are pure.
 */
import {
  admitPublicJwk,
  JwsError,
  parseCompact,
  readPayload,
  verifySignature,
  type JsonObject,
  type JwsErrorCode,
  type PublicKey,
} from '#jws';

/** Longest accepted life of an assertion, in seconds. */
export const MAX_ASSERTION_SECONDS = 60;
const MAX_ASSERTION_BYTES = 4 * 1024;
/** In lower case, because media types are compared so. RFC 7523 asks for no `typ`, and many libraries send `JWT`. */
const TYPES = ['client-authentication+jwt', 'jwt', undefined] as const;
/** Any other member could name a key or change how the payload is read, so none is accepted. */
const HEADER_MEMBERS = ['alg', 'typ', 'kid'];
/** What PostgreSQL can store as text, and no control characters. */
const JTI = /^[^\p{C}]{1,255}$/u;
const CLIENT_ID = /^[a-z][a-z0-9-]{0,63}$/;

/** Why an assertion was refused. Only the log shows it. */
export type AssertionFault =
  | JwsErrorCode
  | 'unknown_client'
  | 'unknown_key'
  | 'invalid_claim'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'expired'
  | 'not_yet_valid'
  | 'lifetime_too_long'
  // found by the caller of these functions
  | 'client_mismatch'
  | 'client_disabled'
  | 'replayed';

export class AssertionRefused extends Error {
  override readonly name = 'AssertionRefused';

  constructor(
    readonly code: AssertionFault,
    options?: ErrorOptions,
  ) {
    super(code, options);
  }
}

/** An assertion whose signature is not checked yet. */
export interface ParsedAssertion {
  readonly jws: ReturnType<typeof parseCompact>;
  readonly claims: JsonObject;
  /** Who signed it, by its own word. */
  readonly claimedClient: string;
}

/** Parses an assertion, to learn which client's keys must check it. Nothing in it can be believed before that. */
export function parseAssertion(assertion: string): ParsedAssertion {
  return refusing(() => {
    const jws = parseCompact(assertion, { maxBytes: MAX_ASSERTION_BYTES, types: TYPES });
    if (!Object.keys(jws.header).every((name) => HEADER_MEMBERS.includes(name)))
      throw new AssertionRefused('unsupported_header');
    const claims = readPayload(jws);
    const { iss } = claims;
    if (typeof iss !== 'string' || !CLIENT_ID.test(iss)) throw new AssertionRefused('unknown_client');
    return { jws, claims, claimedClient: iss };
  });
}

export interface AssertionExpectation {
  /** The name of the authorization server: the only good `aud`. Its URLs are not good. */
  readonly issuer: string;
  /** The public keys of {@link ParsedAssertion.claimedClient}, as JWKs. */
  readonly keys: readonly JsonObject[];
  /** Makes a key of a JWK, or finds the one that it made before. Throws JwsError `bad_key`. */
  readonly admit?: (jwk: JsonObject) => PublicKey;
  /** As a NumericDate. */
  readonly now: number;
  readonly clockSkewSeconds: number;
}

/**
 * Verifies a parsed assertion. It checks, in this order:
 * - `kid`, if there is one, names a key of the client; without one, every key of the client is tried
 * - `alg` is the algorithm of the key; the signature
 * - `sub` is `iss`; `aud` is the issuer, as a string or as a list of this one string
 * - `exp` is there and has not passed; `iat` and `nbf` are not in the future
 * - it lives for 60 s at most: from `iat`, if that is there, and from now
 * - `jti` is there
 *
 * It does not check that the assertion is used for the first time.
 *
 * @returns its `jti`, and its `exp` as a NumericDate
 * @throws AssertionRefused
 */
export function verifyAssertion(
  { jws, claims }: ParsedAssertion,
  { issuer, keys, now, clockSkewSeconds, admit = admitPublicJwk }: AssertionExpectation,
): { jti: string; exp: number } {
  const { kid } = jws.header;
  const candidates = keys.filter((key) => kid === undefined || key['kid'] === kid);
  if (candidates.length === 0) throw new AssertionRefused('unknown_key');
  verifyWithOneOf(jws, candidates, admit);
  const { iss, sub, aud, exp, iat, nbf, jti } = claims;
  if (sub !== iss) throw new AssertionRefused('wrong_issuer');
  if (aud !== issuer && !(Array.isArray(aud) && aud.length === 1 && aud[0] === issuer))
    throw new AssertionRefused('wrong_audience');
  if (!isTime(exp) || ![iat, nbf].every((time) => time === undefined || isTime(time)))
    throw new AssertionRefused('invalid_claim');
  if (now >= exp + clockSkewSeconds) throw new AssertionRefused('expired');
  const begin = Math.max(...[iat, nbf].filter(isTime), 0);
  if (begin > now + clockSkewSeconds) throw new AssertionRefused('not_yet_valid');
  // The clock of the client may be fast by the tolerated skew.
  if (exp - now > MAX_ASSERTION_SECONDS + clockSkewSeconds) throw new AssertionRefused('lifetime_too_long');
  if (isTime(iat) && exp - iat > MAX_ASSERTION_SECONDS) throw new AssertionRefused('lifetime_too_long');
  if (typeof jti !== 'string' || !JTI.test(jti)) throw new AssertionRefused('invalid_claim');
  return { jti, exp };
}

/** Checks the signature. A client that exchanges its key has two for a while, and `kid` is optional. */
function verifyWithOneOf(
  jws: ParsedAssertion['jws'],
  keys: readonly JsonObject[],
  admit: (jwk: JsonObject) => PublicKey,
): void {
  const faults: unknown[] = [];
  for (const key of keys) {
    try {
      return verifySignature(jws, admit(key));
    } catch (error) {
      faults.push(error);
    }
  }
  refusing(() => {
    throw faults[0];
  });
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function refusing<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof JwsError) throw new AssertionRefused(error.code, { cause: error });
    throw error;
  }
}
