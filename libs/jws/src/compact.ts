import type { KeyObject } from 'node:crypto';
import { algorithms, type AlgorithmName } from './algorithms.js';
import { decodeBase64url } from './base64url.js';
import { JwsError } from './jws-error.js';
import { parseJsonObject, type JsonObject } from './strict-json.js';

/** A compact JWS (RFC 7515 §7.1) in its parts. Nothing in it can be believed before {@link verifySignature}. */
interface CompactJws {
  readonly header: JsonObject;
  /** Not parsed yet; {@link readPayload} parses it. */
  readonly payload: Buffer;
  readonly signature: Buffer;
  readonly signingInput: Buffer;
}

/** A public key and its one algorithm. */
export interface VerificationKey {
  readonly alg: AlgorithmName;
  readonly key: KeyObject;
}

// Each of these headers asks a verifier for more than a check of the signature over the payload as it is (RFC 7515
// §4.1.11, RFC 7797 §3, RFC 7516 §4.1.3). Signet needs none of them.
const REFUSED_HEADERS = ['crit', 'b64', 'zip'] as const;

/**
 * Parses a compact JWS and checks its form: size, three segments, canonical base64url, a JSON header without duplicate
 * names, the expected `typ`, no header that changes how the payload is read. The headers `jwk`, `jku`, `x5u` and `x5c`
 * are ignored: a token does not choose the key that checks it.
 *
 * @param types the values of `typ` that are accepted, in lower case; `undefined` among them accepts its absence
 * @throws JwsError `too_large` · `malformed` · `wrong_typ` · `unsupported_header`
 */
export function parseCompact(
  token: string,
  { maxBytes, types }: { maxBytes: number; types: readonly (string | undefined)[] },
): CompactJws {
  if (token.length > maxBytes) throw new JwsError('too_large', `longer than ${maxBytes} bytes`);
  const segments = token.split('.', 4);
  if (segments.length !== 3) throw new JwsError('malformed', 'not three segments');
  const [head, body, tail] = segments as [string, string, string];

  const header = readHeader(head);
  const { typ } = header;
  // Media types are compared without regard to case (RFC 7515 §4.1.9, RFC 2045 §5.1).
  if (typ !== undefined && typeof typ !== 'string') throw new JwsError('malformed', 'typ is not a string');
  if (!types.includes(typ?.toLowerCase())) throw new JwsError('wrong_typ', 'typ is not the expected type');
  for (const name of REFUSED_HEADERS) {
    if (Object.hasOwn(header, name))
      throw new JwsError('unsupported_header', `header ${name} is not accepted`);
  }
  return {
    header,
    // Decoded before the signature is checked, because this refuses characters outside of the alphabet: signingInput
    // drops their high bits.
    payload: decodeBase64url(body, 'payload'),
    signature: decodeBase64url(tail, 'signature'),
    signingInput: Buffer.from(token.slice(0, head.length + 1 + body.length), 'latin1'),
  };
}

/** A parsed header, and its segment. */
interface KnownHeader {
  readonly segment: string;
  readonly header: JsonObject;
}

/** Parsed headers by their segment. An issuer signs many tokens with one header. */
const headers = new Map<string, KnownHeader>();
/** Comparing is cheaper than hashing, and the next token mostly has the same header. */
let latest: KnownHeader | undefined;
const MAX_HEADERS = 100;
const MAX_HEADER_LENGTH = 512;

function readHeader(segment: string): JsonObject {
  const known = latest?.segment === segment ? latest : headers.get(segment);
  if (known) {
    latest = known;
    return known.header;
  }
  const header = Object.freeze(parseJsonObject(decodeBase64url(segment, 'header'), 'header'));
  if (segment.length > MAX_HEADER_LENGTH) return header;
  // Anybody can send any header. A flood of them costs the others one more parsing.
  if (headers.size >= MAX_HEADERS) headers.clear();
  // A copy: a part of a string keeps the whole of it in memory.
  const copy = Buffer.from(segment, 'latin1').toString('latin1');
  headers.set(copy, { segment: copy, header });
  return header;
}

/**
 * Checks the signature with `key` and the algorithm of this key. The header must name the same algorithm (RFC 8725
 * §3.1).
 *
 * @throws JwsError `alg_mismatch` · `bad_signature`
 */
export function verifySignature(jws: CompactJws, { alg, key }: VerificationKey): void {
  if (jws.header['alg'] !== alg) throw new JwsError('alg_mismatch', 'alg is not the algorithm of the key');
  if (!algorithms[alg].verify(key, jws.signingInput, jws.signature)) {
    throw new JwsError('bad_signature', 'the signature is wrong');
  }
}

/**
 * Parses the payload as a JSON object (RFC 7519 §7.2). To be called after {@link verifySignature}.
 *
 * @throws JwsError `malformed`
 */
export function readPayload(jws: CompactJws): JsonObject {
  return parseJsonObject(jws.payload, 'payload');
}
