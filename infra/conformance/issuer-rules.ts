/** Judges what an issuer publishes. Pure: the tables of its spec are the rules. */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { printable } from '../printable.js';
import { isObject, type IssuerDocument, type IssuerDocuments } from './issuer-documents.js';
import type { Result } from './verdict.js';

/** How long a cache may keep a key set, in seconds, if a rotation shall be seen within an hour. */
const MAX_CACHE_SECONDS = 3_600;
/** No issuer needs more, and each is compared with all others. */
const MAX_KEYS = 500;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
/** The keys that each algorithm takes: a `kty`, or a `crv` (RFC 7518 §3.1, RFC 8037, RFC 9864). */
const keysOfAlg: Readonly<Record<string, readonly string[]>> = {
  ...{ RS256: ['RSA'], RS384: ['RSA'], RS512: ['RSA'], PS256: ['RSA'], PS384: ['RSA'], PS512: ['RSA'] },
  ...{ ES256: ['P-256'], ES384: ['P-384'], ES512: ['P-521'], ES256K: ['secp256k1'] },
  ...{ EdDSA: ['Ed25519', 'Ed448'], Ed25519: ['Ed25519'], Ed448: ['Ed448'] },
};

type Jwk = Readonly<Record<string, unknown>>;

/** @param issuer the exact text that verifiers compare with `iss` */
export function judgeIssuer(issuer: string, { metadata, jwksUri, jwks }: IssuerDocuments): Result[] {
  const members = isObject(jwks?.json) ? jwks.json['keys'] : undefined;
  const found = Array.isArray(members) ? members.filter(isObject) : [];
  const keys = found.slice(0, MAX_KEYS);
  return [
    ...judgeMetadata(issuer, metadata, jwksUri),
    ...(jwks === undefined ? [] : judgeAnswer(jwks, found.length)),
    ...(found.length > MAX_KEYS ? [tooMany(found.length)] : []),
    ...(keys.length === 0 ? [] : judgeKeys(keys)),
  ];
}

function tooMany(count: number): Result {
  return row('number of keys', 'RFC 7517 §5', `at most ${MAX_KEYS}`, String(count), {
    fail: `a verifier may give up; only the first ${MAX_KEYS} were examined`,
  });
}

function judgeMetadata(issuer: string, metadata: Jwk, jwksUri: string | undefined): Result[] {
  const stated = metadata['issuer'];
  const { protocol, hostname } = new URL(issuer);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return [
    row('issuer in the metadata', 'RFC 8414 §3.3', issuer, shown(stated), {
      ...(stated !== issuer && {
        fail: 'it is not exactly the issuer, so a verifier must refuse the metadata',
      }),
    }),
    row('scheme of the issuer', 'RFC 8414 §2', 'https', protocol.slice(0, -1), {
      ...(protocol !== 'https:' &&
        (isLocal
          ? { note: 'on this machine, http is fit for tests' }
          : { fail: 'anybody on the way can replace the keys' })),
    }),
    row('jwks_uri in the metadata', 'RFC 8414 §2', 'a URL', shown(metadata['jwks_uri']), {
      ...(jwksUri === undefined && { fail: 'verifiers cannot find the keys' }),
    }),
  ];
}

function judgeAnswer(
  { status, contentType = 'none', cacheControl }: IssuerDocument,
  count: number,
): Result[] {
  const types = ['application/json', 'application/jwk-set+json'];
  return [
    row('answer of jwks_uri', 'RFC 7517 §5', '200 with keys', `${status} with ${count} keys`, {
      ...((status !== 200 || count === 0) && { fail: 'verifiers find no key' }),
    }),
    row('type of the key set', 'RFC 7517 §8.5', types[1]!, printable(contentType), {
      ...(!types.includes(contentType.split(';')[0]!.trim().toLowerCase()) && {
        note: 'a strict client refuses another type than JSON',
      }),
    }),
    judgeCaching(cacheControl),
  ];
}

function judgeCaching(cacheControl: string | undefined): Result {
  const shownControl = printable(cacheControl ?? 'none');
  const judged = (reason: Reason) =>
    row(
      'caching of the key set',
      'RFC 9111 §5.2.2',
      `max-age at most ${MAX_CACHE_SECONDS}`,
      shownControl,
      reason,
    );
  if (/\bno-(?:store|cache)\b/i.test(shownControl)) return judged({});
  const ages = [...shownControl.matchAll(/\b(?:s-maxage|max-age)="?(\d+)/gi)].map(([, age]) => Number(age));
  if (ages.length === 0) return judged({ note: 'each cache chooses a time for itself (RFC 9111 §4.2.2)' });
  const longest = Math.max(...ages);
  if (longest <= MAX_CACHE_SECONDS) return judged({});
  return judged({ note: `a removed key may be accepted for ${longest} s` });
}

function judgeKeys(keys: readonly Jwk[]): Result[] {
  const several = keys.length > 1;
  return [
    every('no private or symmetric key', 'RFC 7517 §9.2', keys, isPublic, {
      fail: 'whoever reads the key set can sign tokens',
    }),
    every('each key has a kid', 'RFC 7517 §4.5', keys, hasKid, {
      [several ? 'fail' : 'note']: 'a rotation needs a kid to tell the keys apart',
    }),
    every('each kid occurs once', 'RFC 7517 §4.5', keys, isOnlyOne(keys), {
      fail: 'a verifier may choose the wrong key',
    }),
    every('each key has a use', 'RFC 7517 §4.2', keys, ({ use }) => ['sig', 'enc'].includes(use as string), {
      note: 'a verifier cannot tell whether the key signs or encrypts',
    }),
    every('each key has an alg', 'RFC 8725 §3.1', keys, ({ alg }) => typeof alg === 'string', {
      note: 'each verifier must be told the algorithm',
    }),
    every('alg fits the key', 'RFC 7518 §3.1', keys, fitsAlg, { fail: 'no verifier can use the key' }),
    every('each key can be read', 'RFC 7518 §6', keys, isReadable, { fail: 'no verifier can use the key' }),
    every('RSA keys have 2048 bits or more', 'RFC 7518 §3.3', keys, isLongEnough, {
      fail: 'the key is too short',
    }),
  ];
}

const isPublic = (key: Jwk) => !PRIVATE_MEMBERS.some((name) => Object.hasOwn(key, name));
const hasKid = ({ kid }: Jwk) => typeof kid === 'string' && kid !== '';
const isOnlyOne = (keys: readonly Jwk[]) => (key: Jwk) =>
  !hasKid(key) || keys.filter(({ kid }) => kid === key['kid']).length === 1;

function fitsAlg({ alg, kty, crv }: Jwk): boolean {
  const fitting = typeof alg === 'string' && Object.hasOwn(keysOfAlg, alg) ? keysOfAlg[alg] : undefined;
  // Without an alg, or with one that is newer than this list, nothing is said.
  return fitting === undefined || fitting.includes((kty === 'RSA' ? kty : crv) as string);
}

function isReadable(key: Jwk): boolean {
  // A verifier ignores a kind of key that it does not know (RFC 7517 §5).
  return !['RSA', 'EC', 'OKP'].includes(key['kty'] as string) || read(key) !== undefined;
}

function isLongEnough(key: Jwk): boolean {
  const bits = key['kty'] === 'RSA' ? read(key)?.asymmetricKeyDetails?.modulusLength : undefined;
  return bits === undefined || bits >= 2048;
}

function read({ kty, crv, x, y, n, e }: Jwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty, crv, x, y, n, e } as JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** Why a row is not a pass. Nothing: it is one. */
interface Reason {
  readonly fail?: string;
  readonly note?: string;
}

function row(name: string, rfc: string, expected: string, seen: string, { fail, note }: Reason): Result {
  const shownRow = { name, rfc, expected, seen };
  if (fail !== undefined) return { ...shownRow, verdict: 'fail', why: fail };
  if (note !== undefined) return { ...shownRow, verdict: 'note', why: note };
  return { ...shownRow, verdict: 'pass' };
}

function every(
  name: string,
  rfc: string,
  keys: readonly Jwk[],
  isGood: (key: Jwk) => boolean,
  otherwise: Reason,
): Result {
  const bad = keys.flatMap((key, i) =>
    isGood(key) ? [] : [hasKid(key) ? printable(key['kid'] as string) : `key ${i + 1}`],
  );
  const at = (reason: string) => `${reason}: ${bad.join(', ')}`;
  const { fail, note } = otherwise;
  const reason = { ...(fail && { fail: at(fail) }), ...(note && { note: at(note) }) };
  const seen = `${keys.length - bad.length} of ${keys.length}`;
  return row(name, rfc, `${keys.length} of ${keys.length}`, seen, bad.length === 0 ? {} : reason);
}

function shown(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? printable(value) : 'no text';
}
