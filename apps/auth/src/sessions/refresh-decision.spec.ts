import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideRefresh, MAX_WAIT_MS, remembered } from './refresh-decision.js';

const graceSeconds = 10;
const now = new Date(1_800_000_000_000);
const secondsAgo = (seconds: number) => now.getTime() - seconds * 1000;
const family = {
  tokenHash: 'unused',
  used: [
    { hash: 'last', at: secondsAgo(2) },
    { hash: 'before', at: secondsAgo(9) },
    { hash: 'old', at: secondsAgo(11) },
  ],
};
const decide = (hash: string, options: Partial<Parameters<typeof decideRefresh>[2]> = {}) =>
  decideRefresh(hash, family, { arrivedAt: now, graceSeconds, ...options });

describe('decideRefresh', () => {
  it.each([
    ['unused', 'rotate'],
    ['last', 'repeat'],
    ['before', 'superseded'],
    ['old', 'reused'],
    ['never seen', 'reused'],
  ])('the %s token: %s', (hash, decision) => {
    expect(decide(hash)).toBe(decision);
  });

  it('the grace ends exactly after its seconds', () => {
    const at = (ms: number) => decide('last', { arrivedAt: new Date(secondsAgo(2) + ms) });
    expect([at(10_000), at(10_001)]).toEqual(['repeat', 'reused']);
  });

  it('without a grace every repeat is theft, but the unused token stays good', () => {
    const noGrace = { graceSeconds: 0 };
    expect([decide('last', noGrace), decide('before', noGrace), decide('unused', noGrace)]).toEqual([
      'reused',
      'reused',
      'rotate',
    ]);
  });
});

/** A client and auth, without a network: whatever is presented when, the rules of RFC 9700 §4.14.2 hold. */
it('one token is unused; the others are repeated, superseded or reused by their age alone', () => {
  const steps = fc.array(
    fc.record({ index: fc.nat(30), seconds: fc.nat(15), waited: fc.nat(MAX_WAIT_MS / 1000) }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (presented) => {
      let time = now.getTime();
      let held: { tokenHash: string; used: readonly { hash: string; at: number }[] } = {
        tokenHash: '0',
        used: [],
      };
      const usedAt = new Map<string, number>();
      for (const { index, seconds, waited } of presented) {
        time += seconds * 1000;
        const made = usedAt.size;
        const hash = String(Math.min(index, made));
        const waitedMs = Math.min(waited * 1000, time - now.getTime());
        const arrivedAt = new Date(time - waitedMs);
        const decision = decideRefresh(hash, held, { arrivedAt, graceSeconds });
        const at = usedAt.get(hash);
        if (at === undefined) expect(decision).toBe('rotate');
        else if (arrivedAt.getTime() - at > graceSeconds * 1000) expect(decision).toBe('reused');
        else expect(decision).toBe(Number(hash) === made - 1 ? 'repeat' : 'superseded');
        if (decision !== 'rotate') continue;
        usedAt.set(hash, time);
        held = {
          tokenHash: String(made + 1),
          used: [{ hash, at: time }, ...remembered(held.used, { now: new Date(time), graceSeconds })],
        };
      }
    }),
  );
});
