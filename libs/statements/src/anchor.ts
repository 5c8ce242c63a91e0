import { createPublicKey } from 'node:crypto';
import { admitPublicJwk, type JsonObject, type PublicKey } from '#jws';

/** Statements are signed with ES256 and nothing else. */
export const ANCHOR_ALG = 'ES256';

/** The public half of a trust anchor, pinned by configuration; its kid is its RFC 7638 thumbprint. */
export type Anchor = PublicKey;

/**
 * Reads a trust anchor from PEM (SPKI).
 *
 * @throws Error naming what is wrong, if it is not a public P-256 key
 */
export function readAnchor(pem: string): Anchor {
  // createPublicKey would accept a private PEM. Nobody but auth may hold one, so its holder must learn of it.
  if (!pem.includes('BEGIN PUBLIC KEY') || pem.includes('PRIVATE KEY')) throw notAnAnchor();
  try {
    const jwk = createPublicKey(pem).export({ format: 'jwk' });
    return admitPublicJwk({ ...(jwk as JsonObject), alg: ANCHOR_ALG });
  } catch (cause) {
    throw notAnAnchor(cause);
  }
}

function notAnAnchor(cause?: unknown): Error {
  return new Error('a trust anchor must be a PEM "PUBLIC KEY" (SPKI) of a P-256 key, and nothing else', {
    cause,
  });
}
