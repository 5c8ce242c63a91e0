import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CATCH_UP_MS, CatchUp, MAX_WAITING } from './catch-up.js';

/** Answers when the test says so. */
class SlowDatabase {
  private readonly open: (() => void)[] = [];
  asked = 0;

  readonly refresh = (): Promise<void> => {
    this.asked += 1;
    return new Promise((resolve) => void this.open.push(resolve));
  };

  async answer(): Promise<void> {
    for (const resolve of this.open.splice(0)) resolve();
    await jest.advanceTimersByTimeAsync(0);
  }
}

describe('CatchUp', () => {
  let database: SlowDatabase;
  let catchUp: CatchUp;
  beforeEach(() => {
    jest.useFakeTimers();
    database = new SlowDatabase();
    catchUp = new CatchUp(database.refresh);
  });
  afterEach(() => void jest.useRealTimers());

  it('asks a slow database one question at a time', async () => {
    const first = catchUp.ask();
    for (let i = 0; i < 20; i += 1) {
      await jest.advanceTimersByTimeAsync(CATCH_UP_MS);
      void catchUp.ask();
    }
    expect(database.asked).toBe(1);
    await database.answer();
    expect(await first).toBe(true);
    void catchUp.ask();
    expect(database.asked).toBe(2);
  });

  it('asks a quick database once in a short while', async () => {
    void catchUp.ask();
    await database.answer();
    await jest.advanceTimersByTimeAsync(CATCH_UP_MS - 1);
    expect(await catchUp.ask()).toBe(true);
    expect(database.asked).toBe(1);
    await jest.advanceTimersByTimeAsync(1);
    void catchUp.ask();
    expect(database.asked).toBe(2);
  });

  it('asks again after a database that failed', async () => {
    let asked = 0;
    const failing = new CatchUp(() => Promise.reject(new Error(`away, ${(asked += 1)}`)));
    expect(await failing.ask()).toBe(true);
    await jest.advanceTimersByTimeAsync(CATCH_UP_MS);
    expect(await failing.ask()).toBe(true);
    expect(asked).toBe(2);
  });

  it('lets few wait, of either kind, and has room again after the answer', async () => {
    const waiting = [...Array.from({ length: MAX_WAITING - 1 }, () => catchUp.ask()), catchUp.settle()];
    const refused = new Set<string>();
    void catchUp.ask().then((isCaughtUp) => isCaughtUp || refused.add('ask'));
    void catchUp.settle().then((isSettled) => isSettled || refused.add('settle'));
    await jest.advanceTimersByTimeAsync(0);
    expect(refused).toEqual(new Set(['ask', 'settle']));
    await database.answer();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([true]));
    expect(await catchUp.ask()).toBe(true);
  });
});
