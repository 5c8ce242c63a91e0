/** Tokens whose signature is not that of the issuer, or not of the algorithm of its key. */
import { createHmac, sign } from 'node:crypto';
import { segment, signBytes } from '../../../libs/testing/src/test-issuer.js';
import type { TestAlg } from '../../../libs/testing/src/package.js';
import { partsOf, type Case, type World } from '../case.js';
import { bearer } from '../target.js';

const ecdsa: readonly TestAlg[] = ['ES256', 'ES384', 'ES512'];

export const signatureCases: readonly Case[] = [
  ...['none', 'None', 'nOnE'].map((alg): Case => ({
    name: `alg ${alg}, without a signature`,
    rfc: 'RFC 8725 §3.2',
    sent: (world) => bearer(`${inputOf(world, { alg })}.`),
  })),
  {
    name: 'alg none, with the signature of a good token',
    rfc: 'RFC 8725 §3.2',
    sent: (world) => bearer(`${inputOf(world, { alg: 'none' })}.${partsOf(world.token())[2]}`),
  },
  {
    name: 'HS256 with the public key as PEM',
    rfc: 'RFC 8725 §3.1',
    sent: (world) => bearer(withHmac(world, world.issuer.key.publicPem)),
  },
  {
    name: 'HS256 with the public key as JWK',
    rfc: 'RFC 8725 §3.1',
    sent: (world) => bearer(withHmac(world, JSON.stringify(world.issuer.key.publicJwk))),
  },
  {
    name: 'another algorithm than that of the key',
    rfc: 'RFC 8725 §3.1',
    sent: (world) => bearer(withOtherAlg(world)),
  },
  {
    name: 'a signature by another key, under a known kid',
    rfc: 'RFC 7515 §5.2',
    sent: ({ token, attacker, issuer }) =>
      bearer(token({}, { signWith: attacker, header: { kid: issuer.key.kid } })),
  },
  {
    name: 'the signature of another token',
    rfc: 'RFC 7515 §5.2',
    sent: (world) => bearer(`${inputOf(world, {})}.${partsOf(world.token())[2]}`),
  },
  {
    name: 'a payload that was changed after it was signed',
    rfc: 'RFC 7515 §5.2',
    sent: ({ token }) => {
      const [header, , signature] = partsOf(token());
      return bearer([header, partsOf(token({ sub: 'admin' }))[1], signature].join('.'));
    },
  },
  {
    name: 'no signature',
    rfc: 'RFC 7515 §5.2',
    sent: (world) => bearer(`${inputOf(world, {})}.`),
  },
  {
    name: 'a signature that is too short',
    rfc: 'RFC 7515 §5.2',
    sent: ({ token }) => bearer(token().slice(0, -8)),
  },
  {
    name: 'a signature of zeros',
    rfc: 'RFC 7515 §5.2',
    sent: (world) => bearer(`${inputOf(world, {})}.${segment(zerosLike(partsOf(world.token())[2]))}`),
  },
  {
    name: 'ES256 with a signature of zeros (CVE-2022-21449)',
    rfc: 'RFC 7518 §3.4',
    sent: (world) => bearer(`${inputOf(world, { alg: 'ES256' })}.${segment(Buffer.alloc(64))}`),
  },
  {
    name: 'an ECDSA signature in the form of ASN.1',
    rfc: 'RFC 7518 §3.4',
    algs: ecdsa,
    sent: (world) => bearer(withDer(world)),
  },
];

/** Header and payload of a good token, with changes in the header. */
function inputOf({ token }: World, header: Record<string, unknown>): string {
  return partsOf(token({}, { header })).slice(0, 2).join('.');
}

function withHmac(world: World, secret: string): string {
  const input = inputOf(world, { alg: 'HS256' });
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** Signs with the key of the issuer, but in an algorithm that its JWK does not name. */
function withOtherAlg(world: World): string {
  const { alg: own, privateKey } = world.issuer.key;
  const other = { RS256: 'PS256', PS256: 'RS256', ES256: 'ES384', ES384: 'ES256', ES512: 'ES256' } as const;
  const alg = other[own];
  const input = inputOf(world, { alg });
  return `${input}.${signBytes(input, { alg, privateKey }).toString('base64url')}`;
}

function withDer(world: World): string {
  const { alg, privateKey: key } = world.issuer.key;
  const input = inputOf(world, {});
  const signature = sign(alg.replace('ES', 'sha'), Buffer.from(input), { key, dsaEncoding: 'der' });
  return `${input}.${signature.toString('base64url')}`;
}

function zerosLike(signature: string): Buffer {
  return Buffer.alloc(Buffer.from(signature, 'base64url').length);
}
