/**
 * Libraries that verify access tokens and know nothing of Signet. Each is set up as its documentation says, for the
 * audience `orders`, and learns the address of the JWKS from the metadata of the issuer.
 */
import { promisify } from 'node:util';
import { JwtVerifier } from 'aws-jwt-verify';
import { SimpleFetcher } from 'aws-jwt-verify/https';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { createVerifier } from 'fast-jwt';
import buildGetJwks from 'get-jwks';
import * as jose from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { JwksClient } from 'jwks-rsa';
import * as oauth from 'oauth4webapi';
import type { Trust } from './trusting.js';

/** Resolves with the claims of a good token. Rejects if the library refuses the token. */
export type Verify = (token: string) => Promise<unknown>;

export interface VerifierOptions {
  readonly issuer: string;
  readonly trust: Trust;
  /** For jose and oauth4webapi: a JWKS that was fetched so many seconds ago. */
  readonly kept?: { readonly jwks: jose.JSONWebKeySet; readonly ageSeconds: number };
  /** For jwks-rsa and get-jwks: how long they keep a key, in milliseconds, if not for their default. */
  readonly keepMs?: number;
}

const audience = 'orders';
const algorithms: ('ES256' | 'RS256')[] = ['ES256', 'RS256'];

export const verifiers = {
  async jose({ issuer, trust, kept }) {
    const keys = jose.createRemoteJWKSet(new URL(await jwksUri(issuer, trust)), {
      [jose.customFetch]: trust.fetch,
      ...(kept && { [jose.jwksCache]: { jwks: kept.jwks, uat: Date.now() - kept.ageSeconds * 1000 } }),
    });
    return (token) => jose.jwtVerify(token, keys, { issuer, audience, algorithms, typ: 'at+jwt' });
  },

  async 'jwks-rsa with jsonwebtoken'({ issuer, trust, keepMs }) {
    const client = new JwksClient({
      jwksUri: await jwksUri(issuer, trust),
      requestAgent: trust.agent,
      ...(keepMs && { cacheMaxAge: keepMs }),
    });
    const keyOf: jsonwebtoken.GetPublicKeyOrSecret = ({ kid }, done) => {
      client.getSigningKey(kid).then((key) => done(null, key.getPublicKey()), done);
    };
    const verify = promisify<string, jsonwebtoken.GetPublicKeyOrSecret, jsonwebtoken.VerifyOptions, unknown>(
      jsonwebtoken.verify,
    );
    return (token) => verify(token, keyOf, { issuer, audience, algorithms });
  },

  async 'aws-jwt-verify'({ issuer, trust }) {
    const fetcher = new SimpleFetcher({ defaultRequestOptions: trust.requestOptions });
    const verifier = JwtVerifier.create(
      { issuer, audience, jwksUri: await jwksUri(issuer, trust) },
      { jwksCache: new SimpleJwksCache({ fetcher }) },
    );
    return (token) => verifier.verify(token);
  },

  'get-jwks with fast-jwt'({ issuer, trust, keepMs }) {
    const getJwks = buildGetJwks({
      issuersWhitelist: [issuer],
      providerDiscovery: true,
      fetchOptions: trust.fetchOptions,
      ...(keepMs && { ttl: keepMs }),
    });
    const key = ({ header: { kid, alg } }: { header: { kid?: string; alg?: string } }) =>
      getJwks.getPublicKey({ ...(kid && { kid }), ...(alg && { alg }), domain: issuer });
    const verify = createVerifier({
      ...{ key, algorithms, allowedIss: issuer, allowedAud: audience },
      checkTyp: 'at+jwt',
    });
    return Promise.resolve((token) => verify(token) as Promise<unknown>);
  },

  async oauth4webapi({ issuer, trust, kept }) {
    const url = new URL(issuer);
    const options = {
      [oauth.customFetch]: trust.fetch,
      // Its default is 30 seconds.
      [oauth.clockTolerance]: 0,
      ...(kept && {
        [oauth.jwksCache]: { jwks: kept.jwks, uat: Math.floor(Date.now() / 1000) - kept.ageSeconds },
      }),
    };
    const discovered = await oauth.discoveryRequest(url, { ...options, algorithm: 'oauth2' });
    const server = await oauth.processDiscoveryResponse(url, discovered);
    return (token) => {
      const request = new Request('https://orders.test/orders', {
        headers: { authorization: `Bearer ${token}` },
      });
      return oauth.validateJwtAccessToken(server, request, audience, options);
    };
  },
} satisfies Record<string, (options: VerifierOptions) => Promise<Verify>>;

export type Library = keyof typeof verifiers;

/** The address that the metadata names, for libraries that do not read metadata. */
async function jwksUri(issuer: string, { fetch }: Trust): Promise<string> {
  const answer = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
  const metadata = (await answer.json()) as { issuer: string; jwks_uri: string };
  // RFC 8414 §3.3
  if (metadata.issuer !== issuer) throw new Error(`the metadata are those of ${metadata.issuer}`);
  return metadata.jwks_uri;
}
