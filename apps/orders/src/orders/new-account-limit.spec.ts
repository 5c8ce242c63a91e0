import { describe, expect, it } from '@jest/globals';
import { NewAccountLimit } from './new-account-limit.js';

const now = 1_800_000_000;

/** Whether an account of this age may place an order of this total. Undefined: the token does not say its age. */
function mayPlace(totalCents: number, ageSeconds: number | undefined, newAccountSeconds = 60): boolean {
  const limit = new NewAccountLimit({ newAccountSeconds, newAccountMaxCents: 100 }, () => now * 1000);
  try {
    limit.check({ totalCents }, ageSeconds === undefined ? undefined : now - ageSeconds);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'new_account_limit' });
    return false;
  }
}

describe('NewAccountLimit', () => {
  it.each([
    { who: 'an account of this second', ageSeconds: 0, small: true, large: false },
    { who: 'an account whose clock is ahead', ageSeconds: -5, small: true, large: false },
    { who: 'an account in its last second as a new one', ageSeconds: 59, small: true, large: false },
    { who: 'an account that is not new any more', ageSeconds: 60, small: true, large: true },
    { who: 'an account of unknown age', ageSeconds: undefined, small: true, large: false },
  ])('$who', ({ ageSeconds, small, large }) => {
    expect({ small: mayPlace(100, ageSeconds), large: mayPlace(101, ageSeconds) }).toEqual({ small, large });
  });

  it('0 seconds: no account is ever new', () => {
    expect([mayPlace(101, 0, 0), mayPlace(101, undefined, 0)]).toEqual([true, true]);
  });
});
