/** Reads a token as everybody can who has it. */
import type { AlgorithmName } from '#jws';

type ClaimKind = 'registered' | 'public' | 'private';

interface TokenParts {
  readonly header: { readonly alg: AlgorithmName; readonly typ: string; readonly kid: string };
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Decodes a token without a key. This proves nothing: the signature is not checked. */
export function decode(token: string): TokenParts {
  const [header = '', claims = ''] = token.split('.');
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
  return { header: read(header), claims: read(claims) } as TokenParts;
}

/** The kid in the header of a token. */
export const kidOf = (token: string): string => decode(token).header.kid;

// https://www.iana.org/assignments/jwt lists the public claims, each with the document that defines it.
const registered = new Set(['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']);
const publicNames: Readonly<Record<string, string>> = {
  client_id: 'RFC 8693',
  scope: 'RFC 8693',
  act: 'RFC 8693',
  txn: 'RFC 8417',
  sid: 'OpenID Connect',
  roles: 'RFC 7643',
};

/** Sorts the names of claims into the three kinds of RFC 7519 §4. */
export function kindsOfClaims(claims: TokenParts['claims']): Record<ClaimKind, string[]> {
  const kinds: Record<ClaimKind, string[]> = { registered: [], public: [], private: [] };
  for (const name of Object.keys(claims)) {
    if (registered.has(name)) kinds.registered.push(name);
    else if (Object.hasOwn(publicNames, name)) kinds.public.push(`${name} (${publicNames[name]})`);
    else if (URL.canParse(name)) kinds.public.push(name);
    else kinds.private.push(name);
  }
  return kinds;
}
