import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { RevokedNames } from './revoked-names.js';

describe('revoked names', () => {
  it('are what one map would hold', () => {
    const name = fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('a', 'ab', 'zab', 'é', '😀'));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.nat(20))), fc.nat(20), (entries, before) => {
        const [names, map] = [new RevokedNames(), new Map<string, number>()];
        for (const [each, n] of entries) {
          names.set(each, n);
          map.set(each, n);
        }
        names.deleteBefore(before);
        for (const [each, n] of map) if (n < before) map.delete(each);
        expect(names.size).toBe(map.size);
        for (const [each] of [...entries, ['x', 0] as const]) {
          expect([names.has(each), names.get(each)]).toEqual([map.has(each), map.get(each)]);
        }
      }),
    );
  });

  it('are spread over many parts, so that no part grows large', () => {
    const names = new RevokedNames();
    for (let n = 0; n < 20_000; n += 1) names.set(randomUUID(), n);
    const { parts } = names as unknown as { parts: Map<string, number>[] };
    expect(Math.max(...parts.map(({ size }) => size))).toBeLessThan(600);
  });
});
