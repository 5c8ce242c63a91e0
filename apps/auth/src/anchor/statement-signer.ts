import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { CompactSign } from 'jose';
import {
  ANCHOR_ALG,
  KEYSET_TYP,
  readAnchor,
  REVOCATION_TYP,
  type KeySetPayload,
  type RevocationPayload,
} from '#statements';

/** Holds the private half of a trust anchor. Only this class signs statements and revocations. */
export class StatementSigner {
  private readonly privateKey: KeyObject;
  /** RFC 7638 thumbprint of the anchor. A verifier finds the pin by it. */
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
    return this.sign(KEYSET_TYP, payload);
  }

  /** Signs a revocation as a compact JWS. */
  signRevocation(payload: RevocationPayload): Promise<string> {
    return this.sign(REVOCATION_TYP, payload);
  }

  private sign(typ: string, payload: object): Promise<string> {
    return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader({ alg: ANCHOR_ALG, typ, kid: this.kid })
      .sign(this.privateKey);
  }
}

/** The anchors that auth holds, the oldest first. Usually it is one. During an anchor exchange there are two. */
export class StatementSigners {
  private readonly signers: readonly StatementSigner[];

  /** @throws Error if one is not a private P-256 key */
  constructor(pems: readonly string[]) {
    this.signers = pems.map((pem) => new StatementSigner(pem));
  }

  /** The signer with this kid. It is the first signer if auth does not hold the anchor (any more). */
  find(kid: string | null): StatementSigner {
    return this.signers.find((signer) => signer.kid === kid) ?? this.signers[0]!;
  }

  /** The kid of the next anchor, if auth holds one. */
  anchorAfter(kid: string | null): string | undefined {
    return this.signers[this.signers.indexOf(this.find(kid)) + 1]?.kid;
  }
}
