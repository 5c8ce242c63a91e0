/**
 * Formats what the tour prints. Every request and every answer is formatted here, so the tour never prints a password or a
 * whole token.
 */
import { styleText } from 'node:util';
import type { Exchange } from './exchange.js';

const width = 100;
const longestBody = 330;
const hidden = new Set(['password']);

type Style = 'title' | 'faint' | 'good' | 'bad' | 'key';

const styles = { title: 'bold', faint: 'dim', good: 'green', bad: 'red', key: 'yellow' } as const;

/** Colours text. Without colour it returns the text as it is. */
export type Paint = (style: Style, text: string) => string;

export const painter =
  (colour: boolean): Paint =>
  (style, text) =>
    colour ? styleText(styles[style], text, { validateStream: false }) : text;

/** The beginning of a kid. It is enough to tell keys apart. */
export const shortKid = (kid: string): string => `${kid.slice(0, 8)}…`;

/** The first characters of each part of a token. */
export const shortToken = (token: string): string =>
  token
    .split('.')
    .map((part) => (part.length > 8 ? `${part.slice(0, 6)}…` : part))
    .join('.');

/** The ends of a refresh token. Its beginning alone is the same for all tokens of a session. */
const shortSecret = (token: string): string => `${token.slice(0, 4)}…${token.slice(-4)}`;

/** Shortens everything that looks like an access token (three parts), a refresh token (64 characters) or a kid (43). */
export const redact = (text: string): string =>
  text
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, shortToken)
    .replace(/(?<![\w-])[\w-]{64}(?![\w-])/g, shortSecret)
    .replace(/(?<![\w-])[\w-]{43}(?![\w-])/g, shortKid);

/** A value as one line of JSON. Passwords are hidden, tokens and kids are shortened, and a long line is cut. */
export function shortJson(value: unknown): string {
  const text =
    typeof value === 'string'
      ? value
      : JSON.stringify(value, (name, field: unknown) => (hidden.has(name) ? '(hidden)' : field));
  const line = redact(text);
  return line.length > longestBody ? `${line.slice(0, longestBody)} …` : line;
}

/** Breaks text into lines with the same indentation. */
export function wrapped(text: string, indent = '   '): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + word.length >= width - indent.length) {
        lines.push(indent + line);
        line = '';
      }
      line += line === '' ? word : ` ${word}`;
    }
    lines.push(indent + line);
  }
  return lines;
}

/** The lines of a request and its answer. */
export function exchangeLines(
  { method, url, sent, status, headers, body, ms }: Exchange,
  paint: Paint,
): string[] {
  const challenge = headers.get('www-authenticate');
  const shownHeaders = Object.entries(sent.headers).filter(([name]) => name !== 'content-type');
  const answer = status < 400 ? paint('good', String(status)) : paint('bad', String(status));
  return [
    `   → ${method} ${redact(url)}`,
    ...shownHeaders.map(([name, value]) => paint('faint', `     ${name}: ${redact(value)}`)),
    ...(sent.body === undefined ? [] : [paint('faint', `     ${shortJson(sent.body)}`)]),
    `   ← ${answer} ${paint('faint', `in ${ms.toFixed(0)} ms`)}`,
    ...(challenge === null ? [] : [paint('faint', `     www-authenticate: ${challenge}`)]),
    ...(body === '' ? [] : [paint('faint', `     ${shortJson(body)}`)]),
  ];
}
