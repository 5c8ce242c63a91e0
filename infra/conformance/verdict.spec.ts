import { expect, test } from '@jest/globals';
import type { Case } from './case.js';
import type { Seen } from './target.js';
import { expectedOf, judge, judgeChallenges } from './verdict.js';

const sent = () => ({});
const base: Case = { name: 'a case', rfc: 'RFC 0', sent };
const answer = (status: number, challenge?: string): Seen => ({ status, challenge, retryAfter: undefined });
const closed: Seen = { failure: 'closed', message: 'connection closed' };

test.each<[string, Partial<Case>, Seen, { rfc9068: boolean; fetched?: number }, string]>([
  ['a refusal', {}, answer(401), { rfc9068: false }, 'pass'],
  ['another refusal', {}, answer(403), { rfc9068: false }, 'note'],
  ['another refusal that is as good', { also: [400] }, answer(400), { rfc9068: false }, 'pass'],
  ['an acceptance', {}, answer(200), { rfc9068: false }, 'fail'],
  ['an acceptance without content', {}, answer(204), { rfc9068: false }, 'fail'],
  ['an acceptance that is allowed', { allowed: 'so' }, answer(200), { rfc9068: true }, 'note'],
  ['one that only RFC 9068 forbids', { allowedWithout9068: 'so' }, answer(200), { rfc9068: false }, 'note'],
  ['the same, claimed', { allowedWithout9068: 'so' }, answer(200), { rfc9068: true }, 'fail'],
  ['a redirect', {}, answer(302), { rfc9068: false }, 'fail'],
  ['a fault', {}, answer(500), { rfc9068: false }, 'fail'],
  ['a fault where acceptance is allowed', { allowed: 'so' }, answer(503), { rfc9068: false }, 'fail'],
  ['no answer', {}, closed, { rfc9068: false }, 'fail'],
  ['no answer to what is too large', { mayClose: true }, closed, { rfc9068: false }, 'pass'],
  [
    'a timeout there',
    { mayClose: true },
    { failure: 'timeout', message: 'late' },
    { rfc9068: false },
    'fail',
  ],
  ['a good request', { expected: 'accepted' }, answer(200), { rfc9068: false }, 'pass'],
  ['a good request, refused', { expected: 'accepted' }, answer(401), { rfc9068: false }, 'fail'],
  ['no scope', { expected: 'forbidden' }, answer(403), { rfc9068: false }, 'pass'],
  ['no scope, and 401', { expected: 'forbidden' }, answer(401), { rfc9068: false }, 'note'],
  ['no scope, and accepted', { expected: 'forbidden' }, answer(200), { rfc9068: false }, 'fail'],
  ['a refusal after a fetch', {}, answer(401), { rfc9068: false, fetched: 1 }, 'fail'],
])('%s', (_what, changes, seen, options, verdict) => {
  const judged = judge({ ...base, ...changes }, seen, options);
  expect(judged.verdict).toBe(verdict);
  expect(judged.why === undefined).toBe(verdict === 'pass');
});

test.each([
  [{}, '401'],
  [{ also: [400, 431] }, '401 400 431'],
  [{ expected: 'forbidden' as const }, '403'],
  [{ expected: 'accepted' as const }, '2xx'],
])('the table says what is expected: %j', (changes, shown) => {
  expect(expectedOf({ ...base, ...changes })).toBe(shown);
});

test.each<[string, Seen[], string, string]>([
  ['all', [answer(401, 'Bearer'), answer(401, 'bearer error="invalid_token"')], 'pass', '2 of 2'],
  ['a second scheme', [answer(401, 'Basic realm="x", Bearer')], 'pass', '1 of 1'],
  ['one without', [answer(401, 'Bearer'), answer(401)], 'fail', '1 of 2'],
  ['another scheme', [answer(401, 'Basic realm="Bearer"')], 'fail', '0 of 1'],
  ['a scheme with a longer name', [answer(401, 'BearerX')], 'fail', '0 of 1'],
  ['no 401 at all', [answer(200), answer(403), closed], 'note', '0 of 0'],
])('challenges: %s', (_what, answers, verdict, seen) => {
  expect(judgeChallenges(answers)).toMatchObject({ verdict, seen });
});
