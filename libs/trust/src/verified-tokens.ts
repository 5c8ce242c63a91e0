import type { PublishedKey } from '#statements';
import type { AccessTokenClaims } from './access-token-claims.js';
import type { DecryptedToken } from './token-decryption.js';

/**
 * A token whose signature and claims hold. This one object has all that is judged at each hit. With thousands of tokens,
 * each other object that is read costs one more wait for the memory of the machine.
 */
export interface VerifiedToken {
  /** As it was sent. */
  readonly token: string;
  /** What was in it, if it was encrypted. */
  readonly decrypted: DecryptedToken | undefined;
  readonly key: PublishedKey;
  readonly claims: AccessTokenClaims;
  /** `aud`. */
  readonly audience: string;
  /** Between these NumericDates, nothing is wrong with the times of the token. The first is inclusive. */
  readonly validFrom: number;
  readonly validUntil: number;
  /** The scopes that the token grants. Tokens with the same `scope` share the set. */
  readonly scopes: ReadonlySet<string>;
  /**
   * The `counter` of the revocation view when the token was last found not revoked; undefined before the first time.
   */
  notRevokedAt: number | undefined;
  /** Of {@link VerifiedTokens}: its place, and whether it was found again since the hand last passed. */
  slot: number;
  used: boolean;
}

/**
 * Remembers tokens whose signature and claims hold, to find them again without cryptography. Their number is bounded;
 * the CLOCK algorithm evicts. Only verified tokens enter, and a hit needs the whole token to be equal, so the cache is
 * no oracle. Two tokens with the same map key are just a miss. On every hit, the caller must check what time or the
 * ring can change.
 */
export class VerifiedTokens {
  private readonly index = new Map<number, VerifiedToken>();
  private readonly slots: VerifiedToken[] = [];
  private hand = 0;

  constructor(private readonly capacity: number) {}

  get(token: string): VerifiedToken | undefined {
    const verified = this.index.get(mapKey(token));
    if (verified?.token !== token) return undefined;
    verified.used = true;
    return verified;
  }

  add(verified: VerifiedToken): void {
    if (this.capacity === 0) return;
    const id = mapKey(verified.token);
    verified.slot = this.index.get(id)?.slot ?? this.freeSlot();
    this.slots[verified.slot] = verified;
    this.index.set(id, verified);
  }

  private freeSlot(): number {
    if (this.slots.length < this.capacity) return this.slots.length;
    // CLOCK: a token that was used since the hand last passed is spared once.
    for (;;) {
      const slot = this.hand;
      const verified = this.slots[slot]!;
      this.hand = (slot + 1) % this.capacity;
      if (!verified.used) {
        this.index.delete(mapKey(verified.token));
        return slot;
      }
      verified.used = false;
    }
  }
}

/**
 * A number made of the end of the signature, or of the tag of an encrypted token (FNV-1a). Both are as good as random. As
 * the key of a map it is faster than a string, of which V8 hashes every character.
 */
function mapKey(token: string): number {
  let key = 0x811c_9dc5;
  for (let i = Math.max(0, token.length - 8); i < token.length; i += 1)
    key = Math.imul(key ^ token.charCodeAt(i), 0x0100_0193);
  // Of 30 bits, which V8 keeps without an allocation.
  return key >>> 2;
}
