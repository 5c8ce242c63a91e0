/** One verifier for the tokens of several issuers. Each issuer keeps its own key ring. */
import { decodeBase64url, parseJsonObject } from '#jws';
import { bearerToken, type ReceivedRequest } from './bearer.js';
import type { Trust } from './open-trust.js';

export type SeveralIssuers = Pick<Trust, 'verify' | 'judge' | 'revocationFault' | 'isReady' | 'close'>;

/**
 * Joins verifiers of different issuers. The exact `iss` of a token says which of them judges it, and that one believes only
 * its own issuer. A token of no known issuer, or whose `iss` cannot be read because it is encrypted, goes to the first
 * verifier.
 *
 * @throws Error if there is none, or if two have the same issuer
 */
export function severalIssuers(trusts: readonly Trust[]): SeveralIssuers {
  const byIssuer = new Map(trusts.map((trust) => [trust.facts().issuer, trust]));
  const [first] = trusts;
  if (!first) throw new Error('at least one verifier is needed');
  if (byIssuer.size < trusts.length) throw new Error('two verifiers have the same issuer');
  const find = (issuer: unknown): Trust =>
    (typeof issuer === 'string' ? byIssuer.get(issuer) : undefined) ?? first;

  return {
    verify: async (token, required) => find(issuerOf(token)).verify(token, required),
    judge: async (request, required) => find(issuerOfRequest(request)).judge(request, required),
    revocationFault: (claims, required) => find(claims['iss']).revocationFault(claims, required),
    isReady: () => trusts.every((trust) => trust.isReady()),
    close: async () => void (await Promise.all(trusts.map((trust) => trust.close()))),
  };
}

/** Reads the issuer of a token that nobody has verified. The verifier that it chooses reads it again, and compares it. */
function issuerOf(token: string): unknown {
  try {
    return parseJsonObject(decodeBase64url(token.split('.', 2)[1] ?? '', 'payload'), 'payload')['iss'];
  } catch {
    return undefined;
  }
}

function issuerOfRequest(request: ReceivedRequest): unknown {
  try {
    return issuerOf(bearerToken(request));
  } catch {
    return undefined;
  }
}
