import { describe, expect, it } from '@jest/globals';
import { exchangeLines, painter, shortJson, wrapped } from './presentation.js';

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const signature = 'k'.repeat(86);
const token = `${part({ alg: 'ES256', kid: 'a'.repeat(43) })}.${part({ sub: 'somebody' })}.${signature}`;
const secret = 'correct horse battery staple';

describe('the lines of a request and its answer', () => {
  const lines = exchangeLines(
    {
      method: 'POST',
      url: `http://localhost:3000/admin/keys/${'a'.repeat(43)}/revoke`,
      sent: {
        headers: { authorization: `Bearer ${token}` },
        body: { email: 'a@example.com', password: secret },
      },
      status: 200,
      headers: new Headers(),
      text: JSON.stringify({ access_token: token }),
      body: { access_token: token },
      ms: 12.4,
    },
    painter(false),
  );
  const text = lines.join('\n');

  it('hold no password and no whole part of a token, in header or body', () => {
    for (const hidden of [secret, ...token.split('.')]) expect(text).not.toContain(hidden);
    expect(text).toContain('"password":"(hidden)"');
    expect(text).toContain('authorization: Bearer eyJhbG….eyJzdW….kkkkkk…');
  });

  it('show method, status and time, and shorten kids', () => {
    expect(text).toContain('→ POST http://localhost:3000/admin/keys/aaaaaaaa…/revoke');
    expect(text).toContain('← 200 in 12 ms');
  });
});

it('shortens a token without a signature, and a token that the length limit would cut', () => {
  expect(shortJson(token.replace(signature, ''))).toBe('eyJhbG….eyJzdW….');
  expect(shortJson({ padding: 'x '.repeat(140), token })).not.toContain(token.slice(0, 20));
});

it('shows the ends of a refresh token, because tokens of one session begin alike', () => {
  const refreshToken = `${'t'.repeat(21)}${'s'.repeat(39)}last`;
  expect(shortJson({ refresh_token: refreshToken })).toBe('{"refresh_token":"tttt…last"}');
});

it('breaks lines between words and keeps paragraphs', () => {
  const lines = wrapped(`${'word '.repeat(30).trim()}\nnext`);
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
  expect(lines[2]).toBe('   next');
});

it('colours text only if colour is wanted', () => {
  expect(painter(false)('bad', '401')).toBe('401');
  expect(painter(true)('bad', '401')).toBe('\u001b[31m401\u001b[39m');
});
