/** Requests whose token has the wrong form. Where a signature can hold, it does. */
import { signCompact } from '../../../libs/testing/src/test-issuer.js';
import { partsOf, type Case, type World } from '../case.js';
import { bearer } from '../target.js';

/** RFC 6750 §3.1 allows 400 for a request that is malformed. */
const malformed = { also: [400] };

export const formCases: readonly Case[] = [
  { name: 'no token', rfc: 'RFC 6750 §3', sent: () => ({}) },
  {
    name: 'the scheme without a token',
    rfc: 'RFC 6750 §3.1',
    ...malformed,
    sent: () => ({ authorization: ['Bearer'] }),
  },
  {
    name: 'a good token in the scheme Basic',
    rfc: 'RFC 6750 §2.1',
    ...malformed,
    sent: ({ token }) => ({ authorization: [`Basic ${token()}`] }),
  },
  { name: 'text that is no JWT', rfc: 'RFC 7519 §7.2', ...malformed, sent: () => bearer('garbage') },
  {
    name: 'two segments',
    rfc: 'RFC 7515 §5.2',
    ...malformed,
    sent: ({ token }) => bearer(partsOf(token()).slice(0, 2).join('.')),
  },
  {
    name: 'four segments',
    rfc: 'RFC 7515 §5.2',
    ...malformed,
    sent: ({ token }) => bearer(`${token()}.AA`),
  },
  {
    name: 'five segments, as an encrypted token has',
    rfc: 'RFC 7516 §9',
    ...malformed,
    sent: ({ token }) => bearer(`${token()}.AA.AA`),
  },
  {
    name: 'a good token of more than 9,000 characters',
    rfc: 'RFC 9110 §5.4',
    also: [400, 413, 431],
    allowed: 'no RFC limits the size of a token',
    sent: ({ token }) => bearer(token({ pad: 'x'.repeat(6_750) })),
  },
  {
    name: 'a token of 64 KiB',
    rfc: 'RFC 9110 §5.4',
    also: [400, 413, 431],
    allowed: 'no RFC limits the size of a token',
    mayClose: true,
    sent: ({ token }) => bearer(token({ pad: 'x'.repeat(48 * 1024) })),
  },
  {
    name: 'the signature with a character that is not base64url',
    rfc: 'RFC 7515 §5.2',
    ...malformed,
    sent: ({ token }) => bearer(withSignature(token(), (text) => `${text.slice(0, 8)}*${text.slice(8)}`)),
  },
  {
    name: 'the signature with padding',
    rfc: 'RFC 7515 §2',
    ...malformed,
    sent: ({ token }) => bearer(withSignature(token(), (text) => text + '='.repeat(4 - (text.length % 4)))),
  },
  {
    name: 'the signature in the alphabet of base64',
    rfc: 'RFC 7515 §2',
    ...malformed,
    sent: (world) =>
      bearer(withSignature(tokenWithDash(world), (text) => text.replace(/-/g, '+').replace(/_/g, '/'))),
  },
  {
    name: 'the signature with unused bits that are set',
    rfc: 'RFC 4648 §3.5',
    ...malformed,
    algs: ['RS256', 'PS256', 'ES256'],
    allowed: 'a decoder MAY ignore these bits',
    sent: ({ token }) => bearer(withSignature(token(), withUnusedBit)),
  },
  {
    name: 'a header that is not JSON',
    rfc: 'RFC 7515 §5.2',
    ...malformed,
    sent: (world) => bearer(signed(world, 'alg', goodClaims(world))),
  },
  {
    name: 'a header that is a list',
    rfc: 'RFC 7515 §4',
    ...malformed,
    sent: (world) => bearer(signed(world, [], goodClaims(world))),
  },
  {
    name: 'a payload that is not JSON',
    rfc: 'RFC 7519 §7.2',
    ...malformed,
    sent: (world) => bearer(signed(world, undefined, 'claims')),
  },
  {
    name: 'a payload that is null',
    rfc: 'RFC 7519 §7.2',
    ...malformed,
    sent: (world) => bearer(signed(world, undefined, null)),
  },
  {
    name: 'kid twice, first the right one',
    rfc: 'RFC 7515 §4',
    ...malformed,
    sent: (world) =>
      bearer(
        signed(world, JSON.stringify(headerOf(world)).replace(/}$/, ',"kid":"other"}'), goodClaims(world)),
      ),
  },
  {
    name: 'aud twice, first the right one',
    rfc: 'RFC 7519 §4',
    ...malformed,
    sent: (world) =>
      bearer(signed(world, undefined, JSON.stringify(goodClaims(world)).replace(/}$/, ',"aud":"other"}'))),
  },
  {
    name: 'aud twice, last the right one',
    rfc: 'RFC 7519 §4',
    ...malformed,
    allowed: 'a parser may take the last one',
    sent: (world) =>
      bearer(signed(world, undefined, JSON.stringify(goodClaims(world)).replace('{', '{"aud":"other",'))),
  },
];

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function withSignature(token: string, change: (signature: string) => string): string {
  const [header, payload, signature] = partsOf(token);
  return [header, payload, change(signature)].join('.');
}

/** Sets the lowest bit of the last character. It is unused if the signature does not end with a whole group of 3 bytes. */
function withUnusedBit(signature: string): string {
  const last = alphabet.indexOf(signature.at(-1)!);
  return signature.slice(0, -1) + alphabet[last | 1]!;
}

/** A token whose signature differs in the two alphabets. One in fifteen ECDSA signatures does not. */
function tokenWithDash({ token }: World): string {
  for (;;) {
    const made = token();
    if (/[-_]/.test(partsOf(made)[2])) return made;
  }
}

function headerOf({ token }: World): object {
  return decoded(partsOf(token())[0]);
}

function goodClaims({ token }: World): object {
  return decoded(partsOf(token())[1]);
}

/** Signs with the key of the issuer. Without a header it has the usual one. */
function signed(world: World, header: unknown, payload: unknown): string {
  return signCompact(header ?? headerOf(world), payload, world.issuer.key);
}

function decoded(part: string): object {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as object;
}
