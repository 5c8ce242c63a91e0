import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PublishedKey } from '#statements';
import type { AccessTokenClaims } from './access-token-claims.js';
import { VerifiedTokens, type VerifiedToken } from './verified-tokens.js';

const KEY = {} as PublishedKey;
const verified = (token: string, key = KEY): VerifiedToken => ({
  token,
  decrypted: undefined,
  key,
  claims: { jti: token } as AccessTokenClaims,
  audience: 'orders',
  validFrom: 0,
  validUntil: 1,
  scopes: new Set(),
  notRevokedAt: 0,
  slot: -1,
  used: false,
});
const tail = (name: string) => name.padStart(32, '-');

function filled(capacity: number, ...tokens: string[]): VerifiedTokens {
  const cache = new VerifiedTokens(capacity);
  for (const token of tokens) cache.add(verified(token));
  return cache;
}

const kept = (cache: VerifiedTokens, ...tokens: string[]) => tokens.filter((token) => cache.get(token));

describe('VerifiedTokens', () => {
  test('finds again exactly what was added', () => {
    const cache = filled(2, 'a', 'b');
    expect(cache.get('a')).toMatchObject({ token: 'a', key: KEY, claims: { jti: 'a' } });
    expect(cache.get('c')).toBeUndefined();
  });

  test('another token with the same last 32 characters is a miss, then takes the place', () => {
    const [first, second] = [`one.${tail('x')}`, `two.${tail('x')}`];
    const cache = filled(5, first);
    expect(cache.get(second)).toBeUndefined();
    cache.add(verified(second));
    expect(cache.get(first)).toBeUndefined();
    expect(cache.get(second)?.claims.jti).toBe(second);
  });

  test('adding a token again replaces its key', () => {
    const cache = filled(5, 'a');
    const other = {} as PublishedKey;
    cache.add(verified('a', other));
    expect(cache.get('a')?.key).toBe(other);
  });

  test('a full cache gives up the one that was not used', () => {
    const cache = filled(3, 'a', 'b', 'c');
    kept(cache, 'a', 'c');
    cache.add(verified('d'));
    expect(kept(cache, 'a', 'b', 'c', 'd')).toEqual(['a', 'c', 'd']);
  });

  test('being used spares once, not for ever', () => {
    const cache = filled(2, 'a', 'b');
    kept(cache, 'a', 'b');
    cache.add(verified('c'));
    cache.add(verified('d'));
    expect(kept(cache, 'a', 'b', 'c', 'd')).toEqual(['c', 'd']);
  });

  test('of capacity 0 keeps nothing', () => expect(kept(filled(0, 'a'), 'a')).toEqual([]));

  test('behaves as a list walked by a hand does', () => {
    // Six tokens with four map keys, so that collisions occur.
    const token = fc.constantFrom(
      ...['p', 'q'].flatMap((p) => ['1', '2', '3'].map((n) => p + tail(n))),
      'short',
    );
    const step = fc.record({ add: fc.boolean(), token });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4 }), fc.array(step, { maxLength: 60 }), (capacity, steps) => {
        const cache = new VerifiedTokens(capacity);
        const model = new ClockModel(capacity);
        for (const { add, token } of steps) {
          if (add) {
            cache.add(verified(token));
            model.add(token);
          } else {
            expect(cache.get(token)?.claims.jti).toBe(model.get(token));
          }
          expect(sizeOf(cache)).toEqual([model.entries.length, model.entries.length]);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Returns the number of slots and of index entries. The capacity limits both. */
function sizeOf(cache: VerifiedTokens): [number, number] {
  const { slots, index } = cache as unknown as { slots: unknown[]; index: Map<string, number> };
  return [slots.length, index.size];
}

/** The simplest form of CLOCK: linear search, no index. */
class ClockModel {
  readonly entries: { token: string; used: boolean }[] = [];
  private hand = 0;

  constructor(private readonly capacity: number) {}

  get(token: string): string | undefined {
    const entry = this.entries.find((candidate) => candidate.token === token);
    if (entry) entry.used = true;
    return entry?.token;
  }

  add(token: string): void {
    if (this.capacity === 0) return;
    const entry = { token, used: false };
    const same = this.entries.findIndex((candidate) => candidate.token.slice(-32) === token.slice(-32));
    if (same >= 0) this.entries[same] = entry;
    else if (this.entries.length < this.capacity) this.entries.push(entry);
    else {
      while (this.entries[this.hand]!.used) {
        this.entries[this.hand]!.used = false;
        this.hand = (this.hand + 1) % this.capacity;
      }
      this.entries[this.hand] = entry;
      this.hand = (this.hand + 1) % this.capacity;
    }
  }
}
