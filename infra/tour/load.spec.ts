import { expect, it } from '@jest/globals';
import { performance } from 'node:perf_hooks';
import { until, untilRefused, whileUnderLoad } from './load.js';

const answers = (...statuses: number[]) => {
  return () => Promise.resolve({ status: statuses.length > 1 ? statuses.shift()! : statuses[0]! });
};

it('counts requests that were refused and requests without an answer', async () => {
  const statuses = [200, 503, 401];
  let calls = 0;
  const request = () => {
    const status = statuses[calls++];
    return status === undefined ? Promise.reject(new Error('no answer')) : Promise.resolve(status);
  };
  const enough = () => until('four requests', 5_000, async () => (calls >= 4 ? 'done' : undefined));
  const [result, [tally]] = await whileUnderLoad([{ name: 'a', everyMs: 1, request }], enough);
  expect(result).toBe('done');
  expect(tally).toMatchObject({ name: 'a', requests: calls });
  expect(tally?.failures.slice(0, 3)).toEqual(['503', '401', 'no answer']);
});

it('stops the load when the work fails', async () => {
  let calls = 0;
  const request = () => Promise.resolve((calls += 1) && 200);
  const work = () => Promise.reject(new Error('the work failed'));
  await expect(whileUnderLoad([{ name: 'a', everyMs: 60_000, request }], work)).rejects.toThrow(
    'the work failed',
  );
  expect(calls).toBe(1);
});

it('waits for the first 401, and fails at any other status', async () => {
  const begun = performance.now();
  expect((await untilRefused(begun, answers(200, 200, 401))).afterMs).toBeGreaterThan(0);
  await expect(untilRefused(begun, answers(200, 503))).rejects.toThrow('answered 503');
  await expect(untilRefused(begun - 6_000, answers(200))).rejects.toThrow('still accepted');
});

it('fails after its time, and says what it waited for', async () => {
  await expect(until('a miracle', 0, async () => undefined)).rejects.toThrow('a miracle: not within 0 s');
});
