/** Tokens whose header leads a verifier to a wrong key, or asks for what it does not support. */
import { createHmac } from 'node:crypto';
import { partsOf, type Case, type World } from '../case.js';
import { bearer } from '../target.js';

export const headerCases: readonly Case[] = [
  {
    name: 'kid of a key that nobody published',
    rfc: 'RFC 7515 §4.1.4',
    sent: ({ token, attacker }) => bearer(token({}, { signWith: attacker })),
  },
  {
    name: 'no kid, and a good signature',
    rfc: 'RFC 7515 §4.1.4',
    allowed: 'kid is optional, and the signature is right',
    sent: ({ token }) => bearer(token({}, { header: { kid: undefined } })),
  },
  {
    name: 'no kid, and a signature by another key',
    rfc: 'RFC 7515 §5.2',
    sent: ({ token, attacker }) => bearer(token({}, { signWith: attacker, header: { kid: undefined } })),
  },
  {
    name: 'kid that is a number, and a good signature',
    rfc: 'RFC 7515 §4.1.4',
    sent: ({ token }) => bearer(token({}, { header: { kid: 7 } })),
  },
  {
    name: 'kid that is a path, and HS256 with an empty secret',
    rfc: 'RFC 8725 §3.10',
    sent: (world) => bearer(withHmac(world, '../../../../../../dev/null', '')),
  },
  {
    name: 'kid that is SQL, and HS256 with its result',
    rfc: 'RFC 8725 §3.10',
    sent: (world) => bearer(withHmac(world, "x' UNION SELECT 'secret'--", 'secret')),
  },
  {
    name: 'jku that names the key set of an attacker',
    rfc: 'RFC 8725 §3.10',
    sent: (world) => bearer(byAttacker(world, { jku: world.attackerUrl })),
  },
  {
    name: 'x5u that names a URL of an attacker',
    rfc: 'RFC 8725 §3.10',
    sent: (world) => bearer(byAttacker(world, { x5u: world.attackerUrl })),
  },
  {
    name: 'jwk that is the key of an attacker',
    rfc: 'RFC 7515 §4.1.3',
    sent: (world) => bearer(byAttacker(world, { jwk: world.attacker.publicJwk })),
  },
  {
    name: 'jwk that is the key of an attacker, under a known kid',
    rfc: 'RFC 7515 §4.1.3',
    sent: (world) => bearer(byAttacker(world, { jwk: world.attacker.publicJwk, kid: world.issuer.key.kid })),
  },
  {
    name: 'crit that names an unknown extension',
    rfc: 'RFC 7515 §4.1.11',
    sent: ({ token }) =>
      bearer(token({}, { header: { crit: ['urn:example:must'], 'urn:example:must': true } })),
  },
  {
    name: 'b64 false, in crit',
    rfc: 'RFC 7797 §7',
    sent: ({ token }) => bearer(token({}, { header: { crit: ['b64'], b64: false } })),
  },
  {
    name: 'zip',
    rfc: 'RFC 7516 §4.1.3',
    allowed: 'zip means nothing in a signed token, and unknown members are ignored',
    sent: ({ token }) => bearer(token({}, { header: { zip: 'DEF' } })),
  },
  {
    name: 'no alg',
    rfc: 'RFC 7515 §4.1.1',
    sent: ({ token }) => bearer(token({}, { header: { alg: undefined } })),
  },
  ...[
    ['typ JWT, as of an ID token', 'JWT'],
    ['no typ', undefined],
    ['typ of a security event', 'secevent+jwt'],
  ].map(([name, typ]): Case => ({
    name: name!,
    rfc: 'RFC 9068 §4',
    allowedWithout9068: 'typ is optional in RFC 7519 §5.1',
    sent: ({ token }) => bearer(token({}, { header: { typ } })),
  })),
];

/** Signs a good payload with the key of the attacker. */
function byAttacker({ attacker, token }: World, header: Record<string, unknown>): string {
  return token({}, { signWith: attacker, header });
}

function withHmac({ token }: World, kid: string, secret: string): string {
  const [header, payload] = partsOf(token({}, { header: { alg: 'HS256', kid } }));
  const input = `${header}.${payload}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}
