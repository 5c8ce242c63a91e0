import type { AccessTokenClaims } from '../access-token-claims.js';

/** Kept beside the requests and not in them, so that no other code can put a caller there. */
const callers = new WeakMap<object, AccessTokenClaims>();

export function keepCaller(request: object, claims: AccessTokenClaims): void {
  callers.set(request, claims);
}

/**
 * Returns the caller of a request: the verified claims of its access token, frozen.
 *
 * @throws Error if `requireToken` did not let this request in
 */
export function callerOf(request: object): AccessTokenClaims {
  const claims = callers.get(request);
  if (!claims) throw new Error('callerOf was used on a request without requireToken');
  return claims;
}
