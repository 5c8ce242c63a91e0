import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MAX_REMEMBERED } from './verifier-pins.service.js';
import { FLUSH_MS, VerifierWriter, type VerifierChanges } from './verifier-writer.js';

const verifier = (service: string, instance: string) => ({
  ...{ service, instance, epoch: 1, kids: [], pins: [], at: 0 },
  ...{ seenAt: 0, clockSkewMs: 0 },
});

describe('VerifierWriter', () => {
  let batches: VerifierChanges[];
  let endWrite: () => void;
  let writer: VerifierWriter;
  beforeEach(() => {
    jest.useFakeTimers();
    batches = [];
    writer = new VerifierWriter((words) => {
      batches.push(words);
      return new Promise((resolve) => (endWrite = resolve));
    });
  });
  afterEach(() => void jest.useRealTimers());

  it('writes the last word of each instance', async () => {
    writer.save(verifier('orders', 'a'));
    writer.save({ service: 'orders', instance: 'a' });
    writer.save(verifier('orders', 'b'));
    await jest.advanceTimersByTimeAsync(FLUSH_MS);
    expect(batches).toEqual([
      { heard: [verifier('orders', 'b')], left: [{ service: 'orders', instance: 'a' }] },
    ]);
  });

  it('writes one batch at a time, and what came meanwhile afterwards', async () => {
    writer.save(verifier('orders', 'a'));
    await jest.advanceTimersByTimeAsync(FLUSH_MS);
    writer.save(verifier('orders', 'b'));
    await jest.advanceTimersByTimeAsync(10 * FLUSH_MS);
    expect(batches).toHaveLength(1);
    endWrite();
    await jest.advanceTimersByTimeAsync(FLUSH_MS);
    expect(batches).toHaveLength(2);
    expect(batches[1]!.heard).toEqual([verifier('orders', 'b')]);
  });

  it('holds few names of one service, however often it comes and goes, and keeps room for others', async () => {
    for (let i = 0; i < 3 * MAX_REMEMBERED; i += 1) {
      writer.save(verifier('orders', `fake-${i}`));
      writer.save({ service: 'orders', instance: `fake-${i}` });
    }
    writer.save(verifier('orders', 'fake-0'));
    writer.save(verifier('inventory', 'a'));
    await jest.advanceTimersByTimeAsync(FLUSH_MS);
    const { heard, left } = batches[0]!;
    expect(heard).toEqual([verifier('orders', 'fake-0'), verifier('inventory', 'a')]);
    expect(left).toHaveLength(MAX_REMEMBERED - 1);
  });

  it('writes nothing more once it is stopped', async () => {
    writer.save(verifier('orders', 'a'));
    await jest.advanceTimersByTimeAsync(FLUSH_MS);
    writer.save(verifier('orders', 'b'));
    writer.stop();
    endWrite();
    await jest.advanceTimersByTimeAsync(10 * FLUSH_MS);
    expect(batches).toHaveLength(1);
  });
});
