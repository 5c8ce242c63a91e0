/** The verifier in front of a `node:http` server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AccessTokenClaims } from '../access-token-claims.js';
import type { Requirement, Trust } from '../open-trust.js';

/**
 * Makes a function that lets requests in only with a good token. It returns the claims of the token. For a refused request
 * it sends the answer, and returns undefined: then the caller must send nothing.
 */
export function requireToken(trust: Pick<Trust, 'judge'>, required?: Requirement) {
  return async (
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<AccessTokenClaims | undefined> => {
    const { claims, refusal } = await trust.judge(request, required);
    if (refusal) response.writeHead(refusal.status, refusal.headers).end(refusal.body);
    return claims;
  };
}
