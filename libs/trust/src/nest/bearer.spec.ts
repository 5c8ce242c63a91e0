import { format, inspect } from 'node:util';
import { expect, it } from '@jest/globals';
import { pino } from 'pino';
import { createTestIssuer } from '#testing';
import { Bearer, type Caller } from './index.js';

it('a Bearer shows its token only to those who ask for it', () => {
  const issuer = createTestIssuer();
  const token = issuer.token();
  const bearer = new Bearer(token, issuer.claims() as unknown as Caller);
  const lines: string[] = [];
  pino({}, { write: (line) => void lines.push(line) }).info({ bearer, list: [bearer] });
  const shown = [
    String(bearer),
    JSON.stringify({ bearer }),
    inspect({ bearer }),
    format('%s %o', bearer, bearer),
    ...lines,
  ];
  for (const text of shown) {
    expect(text).toContain('[access token]');
    expect(text).not.toContain(token.slice(0, 10));
  }
  expect(Object.values(bearer)).not.toContain(token);
  expect(bearer.reveal()).toBe(token);
});
