/** Tokens with a good signature and claims that do not let them in. */
import type { Json } from '../../../libs/testing/src/package.js';
import type { Case, World } from '../case.js';
import { bearer } from '../target.js';

const HOUR_SECONDS = 3_600;

export const claimCases: readonly Case[] = [
  refused('iss of another issuer', 'RFC 8725 §3.8', () => ({ iss: 'https://other.test' })),
  refused('iss with a slash more', 'RFC 9068 §4', ({ issuer }) => ({ iss: `${issuer.issuer}/` })),
  refused('aud of another service', 'RFC 8725 §3.9', () => ({ aud: 'https://other.test' })),
  refused('aud that begins with the right one', 'RFC 8725 §3.9', ({ audience }) => ({
    aud: `${audience}-other`,
  })),
  refused('aud that lists others', 'RFC 8725 §3.9', () => ({ aud: ['https://a.test', 'https://b.test'] })),
  refused('no aud', 'RFC 8725 §3.9', () => ({ aud: undefined })),
  refused('exp an hour ago', 'RFC 7519 §4.1.4', () => ({
    iat: now() - HOUR_SECONDS - 300,
    exp: now() - HOUR_SECONDS,
  })),
  refused('exp that is text', 'RFC 7519 §4.1.4', () => ({ exp: String(now() + 300) })),
  refused('no exp', 'RFC 9068 §2.2', () => ({ exp: undefined }), {
    allowedWithout9068: 'exp is optional in RFC 7519 §4.1.4',
  }),
  refused('nbf in an hour', 'RFC 7519 §4.1.5', () => ({
    nbf: now() + HOUR_SECONDS,
    exp: now() + HOUR_SECONDS + 300,
  })),
  refused('nbf that is text', 'RFC 7519 §4.1.5', () => ({ nbf: String(now() - 10) })),
  refused(
    'iat in an hour',
    'RFC 7519 §4.1.6',
    () => ({ iat: now() + HOUR_SECONDS, exp: now() + HOUR_SECONDS + 300 }),
    { allowed: 'no RFC refuses an iat in the future' },
  ),
  ...['iss', 'sub', 'client_id', 'jti', 'iat'].map((name) =>
    refused(`no ${name}`, 'RFC 9068 §2.2', () => ({ [name]: undefined }), {
      allowedWithout9068: `RFC 7519 does not require ${name}`,
    }),
  ),
];

/** Only for a target that asks for a scope. */
export const scopeCase: Case = {
  name: 'a token without the scope',
  rfc: 'RFC 6750 §3.1',
  expected: 'forbidden',
  sent: ({ token }) => bearer(token({ scope: 'conformance:other' })),
};

function refused(
  name: string,
  rfc: string,
  claims: (world: World) => Json,
  unless: Pick<Case, 'allowed' | 'allowedWithout9068'> = {},
): Case {
  return { name, rfc, ...unless, sent: (world) => bearer(world.token(claims(world))) };
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
