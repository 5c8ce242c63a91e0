import type { PublishedKey } from '#statements';
import type { AccessTokenClaims } from './access-token-claims.js';
import type { DecryptedToken } from './token-decryption.js';

/** A token whose signature and claims hold. */
export interface VerifiedToken {
  /** As it was sent. */
  readonly token: string;
  /** What was in it, if it was encrypted. */
  readonly decrypted?: DecryptedToken | undefined;
  readonly key: PublishedKey;
  readonly claims: AccessTokenClaims;
  /** The scopes that the token grants. */
  readonly scopes: readonly string[];
  /**
   * The `counter` of the revocation view when the token was last found not revoked; undefined before the first time.
   */
  notRevokedAt: number | undefined;
}

interface Entry {
  readonly verified: VerifiedToken;
  used: boolean;
}

/**
 * Remembers tokens whose signature and claims hold, to find them again without cryptography. Their number is bounded;
 * the CLOCK algorithm evicts. Only verified tokens enter, and a hit needs the whole token to be equal, so the cache is
 * no oracle. Two tokens with the same map key are just a miss. On every hit, the caller must check what time or the
 * ring can change.
 */
export class VerifiedTokens {
  private readonly index = new Map<number, number>();
  private readonly slots: Entry[] = [];
  private hand = 0;

  constructor(private readonly capacity: number) {}

  get(token: string): VerifiedToken | undefined {
    const slot = this.index.get(mapKey(token));
    const entry = slot === undefined ? undefined : this.slots[slot];
    if (entry?.verified.token !== token) return undefined;
    entry.used = true;
    return entry.verified;
  }

  add(verified: VerifiedToken): void {
    if (this.capacity === 0) return;
    const id = mapKey(verified.token);
    const slot = this.index.get(id) ?? this.freeSlot();
    this.slots[slot] = { verified, used: false };
    this.index.set(id, slot);
  }

  private freeSlot(): number {
    if (this.slots.length < this.capacity) return this.slots.length;
    // CLOCK: an entry that was used since the hand last passed is spared once.
    for (;;) {
      const slot = this.hand;
      const entry = this.slots[slot]!;
      this.hand = (slot + 1) % this.capacity;
      if (!entry.used) {
        this.index.delete(mapKey(entry.verified.token));
        return slot;
      }
      entry.used = false;
    }
  }
}

/**
 * A number made of the end of the signature, or of the tag of an encrypted token (FNV-1a). Both are as good as random. As the key of a map it is faster than a
 * string, of which V8 hashes every character.
 */
function mapKey(token: string): number {
  let key = 0x811c_9dc5;
  for (let i = Math.max(0, token.length - 8); i < token.length; i += 1)
    key = Math.imul(key ^ token.charCodeAt(i), 0x0100_0193);
  // Of 30 bits, which V8 keeps without an allocation.
  return key >>> 2;
}
