import { randomInt } from 'node:crypto';
import type { PublishedKey } from '#statements';
import type { AccessTokenClaims } from './access-token-claims.js';
import type { DecryptedToken } from './token-decryption.js';

/**
 * A token whose signature and claims hold. This one object has all that is judged at each hit. With thousands of tokens,
 * each other object that is read costs one more wait for the memory of the machine.
 */
export interface VerifiedToken {
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
  /** Of {@link VerifiedTokens}: a number made of the token. */
  id: number;
  /** Of {@link VerifiedTokens}: whether the token was found again since the hand last passed. */
  used: boolean;
}

/**
 * Remembers tokens whose signature and claims hold, to find them again without cryptography. Their number is bounded;
 * the CLOCK algorithm evicts. Only verified tokens enter, and a hit needs the whole token to be equal, so the cache is
 * no oracle. Of two tokens with the same id, the later replaces the earlier. On every hit, the caller must check what
 * time or the ring can change.
 *
 * A hash table with linear probing, and not a Map: a hit then waits for the memory of the machine twice and not five
 * times, first for the place, then for the text and the object at once.
 */
export class VerifiedTokens {
  /** A token is at the place that its id says, or behind it without a gap. At least half of the places are empty. */
  private readonly places: (VerifiedToken | undefined)[];
  /** The tokens as they were sent, at the same places. */
  private readonly texts: string[];
  /** For the bits of an id that are a place. */
  private readonly mask: number;
  private size = 0;
  private hand = 0;

  constructor(private readonly capacity: number) {
    const length = 2 ** Math.ceil(Math.log2(2 * capacity + 1));
    this.places = new Array<undefined>(length).fill(undefined);
    this.texts = new Array<string>(length).fill('');
    this.mask = length - 1;
  }

  get(token: string): VerifiedToken | undefined {
    const place = this.placeOf(idOf(token));
    if (this.texts[place] !== token) return undefined;
    const verified = this.places[place];
    if (verified) verified.used = true;
    return verified;
  }

  add(token: string, verified: VerifiedToken): void {
    if (this.capacity === 0) return;
    verified.id = idOf(token);
    if (!this.places[this.placeOf(verified.id)]) {
      if (this.size === this.capacity) this.evict();
      this.size += 1;
    }
    this.put(this.placeOf(verified.id), verified, copyOf(token));
  }

  private put(place: number, verified: VerifiedToken | undefined, text: string): void {
    this.places[place] = verified;
    this.texts[place] = text;
  }

  /** Returns the place of the token with this id. If there is none: the empty place where it would be. */
  private placeOf(id: number): number {
    const { places, mask } = this;
    let place = id & mask;
    for (let there = places[place]; there !== undefined && there.id !== id; there = places[place])
      place = (place + 1) & mask;
    return place;
  }

  /** CLOCK: a token that was used since the hand last passed is spared once. */
  private evict(): void {
    for (;;) {
      const verified = this.places[this.hand];
      if (verified && !verified.used) break;
      if (verified) verified.used = false;
      this.hand = (this.hand + 1) & this.mask;
    }
    this.size -= 1;
    this.clear(this.hand);
  }

  /** Empties a place. A token behind it moves into the gap, unless the gap is before the place that its id says. */
  private clear(gap: number): void {
    const { places, texts, mask } = this;
    for (let place = (gap + 1) & mask; places[place]; place = (place + 1) & mask) {
      const fromItsPlace = (place - places[place]!.id) & mask;
      const fromTheGap = (place - gap) & mask;
      if (fromItsPlace < fromTheGap) continue;
      this.put(gap, places[place], texts[place]!);
      gap = place;
    }
    this.put(gap, undefined, '');
  }
}

/** Of this process. So nobody can choose tokens that stand close together, which would make others slow to find. */
const SECRET = randomInt(2 ** 31);

/**
 * A number made of the end of the signature, or of the tag of an encrypted token (FNV-1a). As the key of a table it is
 * faster than a string, of which V8 hashes every character.
 */
function idOf(token: string): number {
  let id = SECRET;
  for (let i = Math.max(0, token.length - 8); i < token.length; i += 1)
    id = Math.imul(id ^ token.charCodeAt(i), 0x0100_0193);
  // Of 30 bits, which V8 keeps without an allocation.
  return id >>> 2;
}

/** The same text as a string of its own. The token of a request is a part of its header field, and would keep it. */
function copyOf(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1');
}
