import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { NewestStatement } from '../key-set/newest-statement.js';
import { CurrentStatement } from './current-statement.js';

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const looks: { answer: () => void; fail: (error: Error) => void }[] = [];
  const refresh = () =>
    new Promise<number>((resolve, reject) => looks.push({ answer: () => resolve(0), fail: reject }));
  return { looks, current: new CurrentStatement({ refresh } as unknown as NewestStatement) };
}

describe('a look at the database', () => {
  it('begins after the call, and there are 10 a second at most, for all callers together', async () => {
    const { looks, current } = setUp();
    const first = current.compareWithDatabase();
    await settle();
    const later = Array.from({ length: 1_000 }, () => current.compareWithDatabase());
    looks[0]!.answer();
    expect(await first).toBe(true);
    await settle();
    jest.advanceTimersByTime(99);
    await settle();
    expect(looks).toHaveLength(1);
    jest.advanceTimersByTime(1);
    await settle();
    expect(looks).toHaveLength(2);
    looks[1]!.answer();
    expect(new Set(await Promise.all(later))).toEqual(new Set([true]));
  });

  it('is given up after 500 ms, and tells how old the last one is', async () => {
    const { looks, current } = setUp();
    const first = current.compareWithDatabase();
    await settle();
    looks[0]!.answer();
    await first;
    jest.advanceTimersByTime(2_000);
    const second = current.compareWithDatabase();
    await settle();
    jest.advanceTimersByTime(500);
    expect(await second).toBe(false);
    expect(current.ageSeconds()).toBe(2.5);
  });

  it('that fails is none', async () => {
    const { looks, current } = setUp();
    const look = current.compareWithDatabase();
    await settle();
    looks[0]!.fail(new Error('away'));
    expect(await look).toBe(false);
  });
});
