import { JwsError } from './jws-error.js';

export type JsonObject = { readonly [name: string]: unknown };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses bytes as one JSON object: valid UTF-8, no member name twice at any depth, and no half of a surrogate pair
 * (I-JSON, RFC 7493 §2). RFC 7515 §4 lets a parser keep the last of two equal names. Two parsers that keep different
 * ones would judge different tokens.
 *
 * @throws JwsError `malformed`
 */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  let value: unknown;
  let text: string;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    // No cause: V8 quotes the text that it could not parse, and that is part of a token.
    throw new JwsError('malformed', `${what} is not JSON in UTF-8`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new JwsError('malformed', `${what} is not a JSON object`);
  }
  if (!hasAsManyNames(text, value) && repeatedNameIn(text) !== undefined)
    throw new JwsError('malformed', `${what} has a member name twice`);
  if (hasHalfPair(text)) throw new JwsError('malformed', `${what} has half of a surrogate pair`);
  return value as JsonObject;
}

/**
 * Whether the text has as many names as the value has members: then no name came twice. It is so for what most issuers
 * write, and much faster than the search. The names are never counted too low: without white space after a quote, each
 * name ends with `":`. A string that has these characters is counted, too. Then only the search can tell.
 */
function hasAsManyNames(text: string, value: object): boolean {
  return !/"[ \t\n\r]/.test(text) && countNameEnds(text) === countMembers(value);
}

function countNameEnds(text: string): number {
  let count = 0;
  for (let at = text.indexOf('":'); at >= 0; at = text.indexOf('":', at + 2)) count += 1;
  return count;
}

/** Counts the members of all objects in a value. Without recursion, because a text can be deep. */
function countMembers(value: object): number {
  let count = 0;
  const parts = [value];
  for (const part of parts) {
    const inside: unknown[] = Object.values(part);
    if (!Array.isArray(part)) count += inside.length;
    for (const one of inside) if (typeof one === 'object' && one !== null) parts.push(one);
  }
  return count;
}

// Matches a string, or a character that opens or closes an object or a list. In text that JSON.parse accepts, these
// characters mean nothing else outside of a string. A string is a member name exactly if `:` follows.
const TOKEN = /("(?:[^"\\]+|\\.)*")(\s*:)?|[{}[\]]/g;

/**
 * Finds a member name that one object in `json` has twice, or returns undefined. `json` must be text that
 * `JSON.parse` accepts. The time is linear in its length, whatever its depth.
 */
export function repeatedNameIn(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (const [token, string, colon] of json.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (colon !== undefined) {
      const name = JSON.parse(string!) as string;
      const names = open.at(-1);
      if (names?.has(name)) return name;
      names?.add(name);
    }
  }
  return undefined;
}

// Under the `u` flag a pair is one character, so this matches half of one. UTF-8 cannot write a half. All halves would
// become the same U+FFFD, and two names that differ here would become equal.
const HALF_PAIR = /\p{Surrogate}/u;

// Text that was valid UTF-8 can contain half of a pair only as an escape. Most texts contain none.
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

function hasHalfPair(json: string): boolean {
  if (!SURROGATE_ESCAPE.test(json)) return false;
  for (const [, string] of json.matchAll(TOKEN)) {
    if (string !== undefined && HALF_PAIR.test(JSON.parse(string) as string)) return true;
  }
  return false;
}
