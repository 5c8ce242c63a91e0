import type { JsonObject } from '#jws';
import { TrustError } from './trust-error.js';

/** `act` (RFC 8693 §4.1): who acts for the subject, nested per hop. */
export interface Actor {
  readonly sub: string;
  readonly act?: Actor;
}

/**
 * The name of the claim that says when the account was made. It is a public claim (RFC 7519 §4.2): nobody else uses the
 * name for something else, because it begins with the URI of the issuer.
 */
type AccountSinceClaim = `${string}/claims/account_since`;
export const accountSinceClaim = (issuer: string): AccountSinceClaim => `${issuer}/claims/account_since`;

/** The claims of a verified access token (RFC 9068 §2.2 and Signet's own), frozen; times are NumericDates. */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly exp: number;
  readonly iat: number;
  readonly nbf?: number;
  readonly jti: string;
  readonly client_id: string;
  /** Space-delimited (RFC 6749 §3.3). */
  readonly scope?: string;
  /** The session that the token belongs to; absent for a service's own token. */
  readonly sid?: string;
  readonly roles?: readonly string[];
  /** The first token's jti, for a token that was exchanged. */
  readonly txn?: string;
  readonly act?: Actor;
  /** Read it with {@link accountSince}; absent for a service's own token. */
  readonly [accountSince: AccountSinceClaim]: number | undefined;
  readonly [claim: string]: unknown;
}

/**
 * When the account of the token was made, as a NumericDate. Undefined if the token does not say it: then do not treat
 * the account as an old one.
 */
export function accountSince(claims: AccessTokenClaims): number | undefined {
  return claims[accountSinceClaim(claims.iss)];
}

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string' && value.length > 0;
const isTime: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isTextList: Check = (value) => Array.isArray(value) && value.every(isText);
const isActor: Check = (value) => {
  if (typeof value !== 'object' || value === null) return false;
  const { sub, act } = value as { sub?: unknown; act?: unknown };
  return isText(sub) && (act === undefined || isActor(act));
};

const REQUIRED = Object.entries<Check>({
  iss: isText,
  sub: isText,
  aud: isText,
  exp: isTime,
  iat: isTime,
  jti: isText,
  client_id: isText,
});
const OPTIONAL = Object.entries<Check>({
  nbf: isTime,
  scope: (value) => typeof value === 'string',
  sid: isText,
  roles: isTextList,
  txn: isText,
  act: isActor,
});

/**
 * Reads a payload as the claims of an access token, and freezes it.
 *
 * @throws TrustError `invalid_claim`
 */
export function readClaims(payload: JsonObject): AccessTokenClaims {
  requireClaims(payload);
  return deepFreeze(payload);
}

/**
 * Requires the claims of an access token. Each required claim must be present, and each known claim must have its type.
 * `aud` must be one string, never a list.
 *
 * @throws TrustError `invalid_claim`
 */
export function requireClaims(payload: JsonObject): asserts payload is AccessTokenClaims {
  for (const [name, check] of REQUIRED) {
    if (!check(payload[name])) throw new TrustError('invalid_claim', `${name} is missing or of a wrong type`);
  }
  for (const [name, check] of OPTIONAL) requireType(payload, name, check);
  requireType(payload, accountSinceClaim(payload['iss'] as string), isTime);
}

function requireType(payload: JsonObject, name: string, check: Check): void {
  if (Object.hasOwn(payload, name) && !check(payload[name]))
    throw new TrustError('invalid_claim', `${name} is of a wrong type`);
}

/** Who acts for the subject of a token: the `sub` of each `act`, the present actor first. Empty without `act`. */
export function actorsOf({ act }: Pick<AccessTokenClaims, 'act'>): string[] {
  const subs: string[] = [];
  for (let actor = act; actor; actor = actor.act) subs.push(actor.sub);
  return subs;
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value) as unknown[])
    if (typeof member === 'object' && member !== null) deepFreeze(member);
  return Object.freeze(value);
}
