import { expect, test } from '@jest/globals';
import { createTestIssuer } from '#testing';
import { tokenIn, TokenWatch, type SeenToken } from './token-watch.js';

/** Looks at the issuer once a second: the key set, then a token. Returns the verdicts, and what was seen. */
function watched(...looks: [published: string[], token: SeenToken | undefined][]) {
  const watch = new TokenWatch();
  looks.forEach(([published, token], now) => watch.note(published, token, now));
  return watch.rows().map(({ verdict, seen }) => `${verdict} ${seen}`);
}

const until = (exp: number) => (kid: string) => ({ kid, exp });

test.each<[string, Parameters<typeof watched>, string[]]>([
  [
    'a good rotation passes',
    [
      [['a', 'b'], until(2)('a')],
      [['a', 'b'], until(9)('b')],
      [['b'], until(9)('b')],
    ],
    ['pass 3 of 3', 'pass 2 of 2', 'pass 2 of 2'],
  ],
  [
    'a key that signs before it is published fails',
    [
      [['a'], until(9)('a')],
      [['a'], until(9)('b')],
    ],
    ['pass 2 of 2', 'fail 1 of 2', 'pass 2 of 2'],
  ],
  [
    'a key that leaves before its tokens end is noted',
    [
      [['a', 'b'], until(5)('a')],
      [['b'], until(9)('b')],
    ],
    ['pass 2 of 2', 'pass 2 of 2', 'note 1 of 2'],
  ],
  ['without a token there is no result', [[['a'], undefined]], ['fail 0 of 1', 'pass 0 of 0', 'pass 0 of 0']],
])('%s', (_what, looks, rows) => {
  expect(watched(...looks)).toEqual(rows);
});

test('the first token in a text counts', () => {
  const issuer = createTestIssuer();
  const token = issuer.token({ exp: 42 });
  const seen = { kid: issuer.key.kid, exp: 42 };
  expect([tokenIn(`${token}\n`), tokenIn(JSON.stringify({ access_token: token }))]).toEqual([seen, seen]);
});

test.each(['', 'no token', 'a.b.c', `${Buffer.from('{"kid":1}').toString('base64url')}.e30.`])(
  'there is no token in %j',
  (text) => {
    expect(tokenIn(text)).toBeUndefined();
  },
);
