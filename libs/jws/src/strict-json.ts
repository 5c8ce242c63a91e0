import { JwsError } from './jws-error.js';

export type JsonObject = { readonly [name: string]: unknown };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses bytes as one JSON object: valid UTF-8, no member name twice at any depth, and no half of a surrogate
 * pair (I-JSON, RFC 7493 §2). RFC 7515 §4 lets a parser keep the last of two equal names; two parsers that keep
 * different ones would judge different tokens.
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
  if (repeatedNameIn(text) !== undefined) throw new JwsError('malformed', `${what} has a member name twice`);
  if (hasHalfPair(text)) throw new JwsError('malformed', `${what} has half of a surrogate pair`);
  return value as JsonObject;
}

// A string, or one of the characters that open and close the two kinds of container. In text that JSON.parse
// has accepted, nothing else can hold any of these, and a string is a member name exactly if `:` follows.
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

// Under the `u` flag a pair is one character, so this is half of one. UTF-8 cannot write it: all halves would end up
// as the same U+FFFD, and with them two names that differ here.
const HALF_PAIR = /\p{Surrogate}/u;

// Text that was valid UTF-8 can hold half of a pair only as an escape. Most texts have none.
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

function hasHalfPair(json: string): boolean {
  if (!SURROGATE_ESCAPE.test(json)) return false;
  for (const [, string] of json.matchAll(TOKEN)) {
    if (string !== undefined && HALF_PAIR.test(JSON.parse(string) as string)) return true;
  }
  return false;
}
