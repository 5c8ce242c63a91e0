import { expect, test } from '@jest/globals';
import { watchKeys } from './watch-keys.js';

/** Watches a key set that has these ids, one list for each poll. The last one repeats. */
async function watched(...polls: (string[] | Error)[]) {
  let n = 0;
  const kids = async () => {
    const answer = polls[Math.min(n, polls.length - 1)]!;
    n += 1;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const rows = await watchKeys(kids, 300, { pollMs: 10 });
  // Times are not compared.
  return rows.map(({ name, result }) => `${name}: ${result.replace(/\d+/g, 'N')}`);
}

test('a rotation: the new key appears, the old one leaves', async () => {
  expect(await watched(['a'], ['a', 'b'], ['b'])).toEqual([
    'key a: there from the beginning, left after N s',
    'key b: appeared after N s, there at the end',
    'polls: N, of which N failed',
  ]);
});

test('a poll that fails says nothing about the keys', async () => {
  const rows = await watched(new Error('away'), ['a'], new Error('away'), ['a']);
  expect(rows[0]).toBe('key a: there from the beginning, there at the end');
});

test('a key that comes back has not left', async () => {
  const rows = await watched(['a', 'b'], ['a'], ['a', 'b']);
  expect(rows[1]).toBe('key b: there from the beginning, there at the end');
});

test('failed polls are counted', async () => {
  const rows = await watchKeys(() => Promise.reject(new Error('away')), 1, { pollMs: 1 });
  expect(rows).toEqual([{ name: 'polls', result: expect.stringMatching(/^(\d+), of which \1 failed$/) }]);
});
