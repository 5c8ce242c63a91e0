import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { CompactSign } from 'jose';
import { ANCHOR_ALG, KEYSET_TYP, readAnchor, type KeySetPayload } from '#statements';

/** Holds the private half of the trust anchor and signs statements with it: the only code that does. */
export class StatementSigner {
  private readonly privateKey: KeyObject;
  /** RFC 7638 thumbprint of the anchor, by which verifiers find their pin. */
  readonly kid: string;

  /** @throws Error if `pem` is not a private P-256 key */
  constructor(pem: string) {
    this.privateKey = createPrivateKey(pem);
    this.kid = readAnchor(
      createPublicKey(this.privateKey).export({ type: 'spki', format: 'pem' }) as string,
    ).thumbprint;
  }

  /** Signs a key-set statement as a compact JWS. */
  signKeySet(payload: KeySetPayload): Promise<string> {
    return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader({ alg: ANCHOR_ALG, typ: KEYSET_TYP, kid: this.kid })
      .sign(this.privateKey);
  }
}
