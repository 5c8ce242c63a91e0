import { describe, expect, it } from '@jest/globals';
import { claimMs, decide, keptMs } from './decide.js';

describe('decide', () => {
  it.each([
    // answered, age, hash: what follows
    [true, 0, 'same', 'replay'],
    [true, claimMs, 'same', 'replay'],
    [true, keptMs - 1, 'same', 'replay'],
    [true, keptMs, 'same', 'claim'],
    [true, 0, 'other', 'reused'],
    [true, keptMs - 1, 'other', 'reused'],
    [true, keptMs, 'other', 'claim'],
    [false, 0, 'same', 'in_flight'],
    [false, claimMs - 1, 'same', 'in_flight'],
    [false, claimMs, 'same', 'claim'],
    [false, 0, 'other', 'reused'],
    [false, claimMs - 1, 'other', 'reused'],
    [false, claimMs, 'other', 'claim'],
    [false, keptMs, 'same', 'claim'],
  ] as const)('answered: %j, after %i ms, %s request: %s', (answered, ageMs, hash, decision) => {
    expect(decide({ requestHash: 'same', ageMs, answered }, hash)).toBe(decision);
  });
});
