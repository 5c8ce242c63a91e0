import { expect, test } from '@jest/globals';
import type { Result } from '../../infra/conformance/verdict.js';
import { resultsOf } from './results.js';

const row = (name: string, verdict: Result['verdict'], seen: string): Result => ({
  ...{ name, verdict, seen, rfc: 'RFC 0', expected: '401' },
});
const measurements = [
  { name: 'new', result: 'after 0.5 s', fetches: 1 },
  { name: 'flood', result: 'answered', fetches: 7 },
  { name: 'removed', result: 'not within 5 s', fetches: 0 },
];

test('it has the sums, the cases in which the servers differ from a pass, and the measurements', () => {
  const text = resultsOf(
    [
      {
        name: 'own',
        packages: [],
        report: { issuer: 'i', results: [row('a', 'pass', '401'), row('b', 'pass', '401')], measurements },
      },
      {
        name: 'other',
        packages: ['jose'],
        report: {
          issuer: 'i',
          results: [row('a', 'pass', '401'), row('b', 'fail', '200')],
          measurements: [],
        },
      },
    ],
    { alg: 'RS256', at: new Date(0) },
  );
  const rows = text.split('\n').map((line) => line.replace(/ +/g, ' '));
  expect(text).toMatch(/^Measured 1970-01-01 with RS256 by `npm run bench:conformance`, Node \d+/);
  expect(rows).toContain('| own | this repository | 2 | 0 | 0 |');
  expect(rows).toContainEqual(expect.stringMatching(/^\| other \| jose \d+\.\d+\.\d+ \| 1 \| 0 \| 1 \|$/));
  expect(rows).toContain('| b | RFC 0 | pass | fail (200) |');
  expect(rows.some((each) => each.startsWith('| a |'))).toBe(false);
  expect(rows).toContain('| own | after 0.5 s | not within 5 s | 7 |');
  expect(rows).toContain('| other | – | – | – |');
});
