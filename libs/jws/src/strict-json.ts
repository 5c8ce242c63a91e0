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
  if (!isWrittenAs(text, value) && repeatedNameIn(text) !== undefined)
    throw new JwsError('malformed', `${what} has a member name twice`);
  if (hasHalfPair(text)) throw new JwsError('malformed', `${what} has half of a surrogate pair`);
  return value as JsonObject;
}

// `JSON.stringify` takes time quadratic in the depth. A short text, or one with few brackets, is not deep.
const SHORT = 1_024;
const FEW_BRACKETS = 256;

/**
 * Whether `JSON.stringify` gives this text. Then each member in the text is in the value, so no name came twice. It is so
 * for what most issuers write, and much faster than the search.
 */
function isWrittenAs(text: string, value: unknown): boolean {
  return (text.length <= SHORT || hasFewBrackets(text)) && JSON.stringify(value) === text;
}

function hasFewBrackets(text: string): boolean {
  let left = FEW_BRACKETS;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      left -= 1;
      if (left < 0) return false;
    }
  }
  return true;
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
