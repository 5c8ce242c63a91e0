import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ListeningTime } from './listening-time.js';

const NEEDED_MS = 1_000;

describe('listening time', () => {
  let now = 0;
  let listening: ListeningTime;

  /** Lets time pass while the process runs. */
  const run = (ms: number) => {
    for (const end = now + ms; now < end;) {
      now += 50;
      listening.isLongEnough();
    }
  };

  beforeEach(() => {
    now = 5_000;
    listening = new ListeningTime(NEEDED_MS, () => now);
  });
  afterEach(() => listening.end());

  it('is not long enough before NATS was connected for the whole time', () => {
    expect(listening.isLongEnough()).toBe(false);
    listening.begin();
    run(950);
    expect(listening.isLongEnough()).toBe(false);
    run(50);
    expect(listening.isLongEnough()).toBe(true);
  });

  it('begins anew when NATS was away', () => {
    listening.begin();
    run(1_000);
    listening.end();
    expect(listening.isLongEnough()).toBe(false);
    listening.begin();
    expect(listening.isLongEnough()).toBe(false);
    run(1_000);
    expect(listening.isLongEnough()).toBe(true);
  });

  it('begins anew when the process did not run for half of the time', () => {
    listening.begin();
    run(1_000);
    now += 499;
    expect(listening.isLongEnough()).toBe(true);
    now += 500;
    expect(listening.isLongEnough()).toBe(false);
    run(950);
    expect(listening.isLongEnough()).toBe(false);
    run(50);
    expect(listening.isLongEnough()).toBe(true);
  });

  it('notices a pause by itself, although nobody asks', async () => {
    const real = new ListeningTime(100);
    real.begin();
    await new Promise((resolve) => setTimeout(resolve, 120));
    const stopUntil = performance.now() + 80;
    while (performance.now() < stopUntil);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(real.isLongEnough()).toBe(false);
    real.end();
  });
});
