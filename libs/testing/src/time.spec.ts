import { describe, expect, it } from '@jest/globals';
import { eventually, fakeClock } from './time.js';

describe('fakeClock', () => {
  it('moves only when it is moved', () => {
    const clock = fakeClock(1_000);
    clock.advance(500);
    expect([clock.now(), clock.date().getTime()]).toEqual([1_500, 1_500]);
    clock.set(new Date(7));
    expect(clock.now()).toBe(7);
  });
});

describe('eventually', () => {
  it('gives the first result that is neither an exception nor false', async () => {
    const attempts: unknown[] = [new Error('early'), false, undefined];
    const attempt = () => {
      const next = attempts.shift();
      if (next instanceof Error) throw next;
      return next;
    };
    expect(await eventually(attempt, { everyMs: 1 })).toBeUndefined();
    expect(attempts).toEqual([]);
  });

  it('gives up with the last failure', async () => {
    const attempt = () => expect(1).toBe(2);
    await expect(eventually(attempt, { timeoutMs: 10, everyMs: 1 })).rejects.toThrow(
      /Not so within 10 ms: .*toBe/s,
    );
    await expect(eventually(() => false, { timeoutMs: 10, everyMs: 1 })).rejects.toThrow('it returned false');
  });
});
