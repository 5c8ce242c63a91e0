import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { shareRuns, within } from './shared-runs.js';

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

function setUp(intervalMs?: number) {
  const runs: { resolve: (result: string) => void; reject: (error: Error) => void }[] = [];
  const ask = shareRuns(
    () => new Promise<string>((resolve, reject) => void runs.push({ resolve, reject })),
    intervalMs,
  );
  const pass = async (milliseconds: number) => {
    await settle();
    jest.advanceTimersByTime(milliseconds);
    await settle();
  };
  return { runs, ask, pass };
}

describe('shareRuns', () => {
  test('begins at once where nothing ran lately, once for all who ask', async () => {
    const { runs, ask, pass } = setUp(1_000);
    const asked = [ask(), ask(), ask()];
    await pass(0);
    expect(runs).toHaveLength(1);
    runs[0]!.resolve('first');
    expect(await Promise.all(asked)).toEqual(['first', 'first', 'first']);
  });

  test('a call during a run gets the next run, once the interval is over', async () => {
    const { runs, ask, pass } = setUp(1_000);
    const first = ask();
    await pass(200);
    const later = [ask(), ask()];
    runs[0]!.resolve('first');
    expect(await first).toBe('first');
    await pass(799);
    expect(runs).toHaveLength(1);
    await pass(1);
    expect(runs).toHaveLength(2);
    runs[1]!.resolve('second');
    expect(await Promise.all(later)).toEqual(['second', 'second']);
  });

  test('a run that takes longer than the interval is alone all the same', async () => {
    const { runs, ask, pass } = setUp(1_000);
    void ask();
    await pass(5_000);
    void ask();
    await pass(5_000);
    expect(runs).toHaveLength(1);
    runs[0]!.resolve('first');
    await pass(0);
    expect(runs).toHaveLength(2);
  });

  test('a run that fails, fails for its own callers alone', async () => {
    const { runs, ask, pass } = setUp(1_000);
    const first = ask();
    await pass(0);
    const second = ask();
    runs[0]!.reject(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await pass(1_000);
    runs[1]!.resolve('back');
    expect(await second).toBe('back');
  });

  test('without an interval, the next run follows at once', async () => {
    const { runs, ask, pass } = setUp();
    void ask();
    await pass(0);
    void ask();
    await pass(0);
    expect(runs).toHaveLength(1);
    runs[0]!.resolve('first');
    await pass(0);
    expect(runs).toHaveLength(2);
  });

  test('is settled once every run that was asked for has ended, also if one failed', async () => {
    const { runs, ask, pass } = setUp();
    await ask.settled();
    const failing = ask().catch(() => undefined);
    await pass(0);
    const waiting = ask();
    let isSettled = false;
    void ask.settled().then(() => (isSettled = true));
    runs[0]!.reject(new Error('away'));
    await failing;
    await pass(0);
    expect(isSettled).toBe(false);
    runs[1]!.resolve('back');
    await waiting;
    await pass(0);
    expect(isSettled).toBe(true);
  });
});

describe('within', () => {
  test('gives what came in time, and leaves no timer', async () => {
    expect(await within(Promise.resolve('in time'), 100, 'late')).toBe('in time');
    await expect(within(Promise.reject(new Error('failed')), 100, undefined)).rejects.toThrow('failed');
    expect(jest.getTimerCount()).toBe(0);
  });

  test('gives the other value once the time is over', async () => {
    const result = within(new Promise<string>(() => undefined), 100, 'late');
    jest.advanceTimersByTime(100);
    expect(await result).toBe('late');
  });
});
