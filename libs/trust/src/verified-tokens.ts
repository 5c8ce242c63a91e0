import type { PublishedKey } from '#statements';
import type { AccessTokenClaims } from './access-token-claims.js';

/** A token whose signature and claims hold. */
export interface VerifiedToken {
  readonly token: string;
  readonly key: PublishedKey;
  readonly claims: AccessTokenClaims;
  /** The scopes that it grants. */
  readonly scopes: readonly string[];
  /** The state of the revocation view in which it was last found not revoked. */
  notRevokedAt: number | undefined;
}

interface Entry {
  readonly verified: VerifiedToken;
  used: boolean;
}

/**
 * Tokens whose signature and claims held once, to be found again without crypto. Bounded, evicted by CLOCK.
 * Only verified tokens enter, and a hit needs the whole token to be equal, so it is no oracle and a collision of
 * the short map key is just a miss. What time or the ring may change is for the caller to check on every hit.
 */
export class VerifiedTokens {
  private readonly index = new Map<string, number>();
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
    // CLOCK: whoever was used since the hand last passed is spared once.
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

/** The end of the signature: as good as random, and short, where V8 would hash all of a whole token. */
const mapKey = (token: string): string => token.slice(-32);
