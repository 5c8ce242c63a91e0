import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PublishedKey } from '#statements';
import type { AccessTokenClaims } from './access-token-claims.js';
import { VerifiedTokens, type VerifiedToken } from './verified-tokens.js';

const KEY = {} as PublishedKey;
const verified = (jti: string, key = KEY): VerifiedToken => ({
  decrypted: undefined,
  key,
  claims: { jti } as AccessTokenClaims,
  audience: 'orders',
  validFrom: 0,
  validUntil: 1,
  scopes: new Set(),
  notRevokedAt: 0,
  id: -1,
  used: false,
});
const tail = (name: string) => name.padStart(32, '-');

function filled(capacity: number, ...tokens: string[]): VerifiedTokens {
  const cache = new VerifiedTokens(capacity);
  for (const token of tokens) cache.add(token, verified(token));
  return cache;
}

const kept = (cache: VerifiedTokens, ...tokens: string[]) => tokens.filter((token) => cache.get(token));

describe('VerifiedTokens', () => {
  test('finds again exactly what was added', () => {
    const cache = filled(2, 'a', 'b');
    expect(cache.get('a')).toMatchObject({ key: KEY, claims: { jti: 'a' } });
    expect(cache.get('c')).toBeUndefined();
  });

  test('another token with the same last 32 characters is a miss, then takes the place', () => {
    const [first, second] = [`one.${tail('x')}`, `two.${tail('x')}`];
    const cache = filled(5, first);
    expect(cache.get(second)).toBeUndefined();
    cache.add(second, verified(second));
    expect(cache.get(first)).toBeUndefined();
    expect(cache.get(second)?.claims.jti).toBe(second);
  });

  test('adding a token again replaces its key', () => {
    const cache = filled(5, 'a');
    const other = {} as PublishedKey;
    cache.add('a', verified('a', other));
    expect(cache.get('a')?.key).toBe(other);
  });

  test('a full cache gives up the one that was not used', () => {
    const cache = filled(3, 'a', 'b', 'c');
    kept(cache, 'a', 'c');
    cache.add('d', verified('d'));
    expect(kept(cache, 'a', 'b', 'c', 'd')).toEqual(['a', 'c', 'd']);
  });

  test('being used spares once, not for ever', () => {
    const cache = filled(2, 'a', 'b');
    kept(cache, 'a', 'b');
    cache.add('c', verified('c'));
    expect(kept(cache, 'a', 'b')).toHaveLength(1);
    expect(kept(cache, 'c')).toEqual(['c']);
  });

  test('of capacity 0 keeps nothing', () => expect(kept(filled(0, 'a'), 'a')).toEqual([]));

  test('finds exactly what it keeps, and gives up one that was not used', () => {
    // 400 tokens, of which every second has the id of the one before it. Their places collide often.
    const token = fc.nat(399).map((n) => `${n % 2 === 0 ? 'even' : 'odd'}${tail(String(n >> 1))}`);
    const step = fc.record({ add: fc.boolean(), token });
    let evictions = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(step, { maxLength: 400, size: 'max' }),
        (capacity, steps) => {
          const cache = new VerifiedTokens(capacity);
          // By the part of the token that its id is made of.
          const model = new Map<string, [token: string, VerifiedToken]>();
          for (const { add, token } of steps) {
            const [part, known] = [token.slice(-32), model.get(token.slice(-32))];
            if (!add) {
              expect(cache.get(token)).toBe(known?.[0] === token ? known[1] : undefined);
              continue;
            }
            const unused = [...model.values()].filter(([, { used }]) => !used);
            const isFull = !known && model.size === capacity;
            const added = verified(token);
            cache.add(token, added);
            if (isFull) {
              const [given] = without(cache, model);
              if (unused.length > 0) expect(unused).toContainEqual(given![1]);
              model.delete(given![0]);
              evictions += 1;
            }
            model.set(part, [token, added]);
            expect(without(cache, model)).toEqual([]);
          }
        },
      ),
      { numRuns: 50 },
    );
    expect(evictions).toBeGreaterThan(500);
  });
});

/** Those of the model that the cache has not. To look does not count as use. */
function without(cache: VerifiedTokens, model: ReadonlyMap<string, [string, VerifiedToken]>) {
  return [...model].filter(([, [token, verified]]) => {
    const { used } = verified;
    const found = cache.get(token);
    verified.used = used;
    return found !== verified;
  });
}
