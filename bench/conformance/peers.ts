/**
 * Small servers, each guarded by another library as its documentation shows it. None sets an option only to pass a case: what
 * is left at its default is part of the result.
 */
import type { IncomingMessage, RequestListener } from 'node:http';
import { JwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import express from 'express';
import { auth } from 'express-oauth2-jwt-bearer';
import { createVerifier } from 'fast-jwt';
import buildGetJwks from 'get-jwks';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { passportJwtSecret } from 'jwks-rsa';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { openTrust } from '#trust';
import { requireToken } from '../../libs/trust/src/hosts/http.js';

/** What a server is told about the issuer. */
export interface PeerSettings {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly audience: string;
  readonly alg: 'RS256' | 'ES256';
  /** The trust anchor, as PEM. Only Signet's verifier uses it. */
  readonly anchor: string;
}

export interface Peer {
  /** The packages whose versions count. None: this repository. */
  readonly packages: readonly string[];
  readonly open: (settings: PeerSettings) => Promise<RequestListener>;
}

export const peers: Readonly<Record<string, Peer>> = {
  signet: {
    packages: [],
    async open({ issuer, audience, anchor }) {
      const admit = requireToken(await openTrust({ issuer, audience, anchors: [anchor] }));
      return (request, response) => {
        void admit(request, response).then((claims) => claims && response.end());
      };
    },
  },

  jose: {
    packages: ['jose'],
    async open({ issuer, jwksUri, audience }) {
      const keys = createRemoteJWKSet(new URL(jwksUri));
      return guard((token) => jwtVerify(token, keys, { issuer, audience }));
    },
  },

  'passport-jwt': {
    packages: ['passport-jwt', 'jwks-rsa'],
    async open({ issuer, jwksUri, audience, alg }) {
      const strategy = new Strategy(
        {
          jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
          secretOrKeyProvider: passportJwtSecret({
            jwksUri,
            cache: true,
            rateLimit: true,
            jwksRequestsPerMinute: 5,
          }),
          issuer,
          audience,
          algorithms: [alg],
        },
        (_claims: unknown, done: (error: unknown, user?: object) => void) => done(null, {}),
      );
      const authenticate = passport.authenticate(strategy, { session: false }) as unknown as (
        request: IncomingMessage,
        response: unknown,
        next: (error?: unknown) => void,
      ) => void;
      return (request, response) =>
        authenticate(request, response, (error) => {
          response.statusCode = error === undefined ? 200 : 500;
          response.end();
        });
    },
  },

  'aws-jwt-verify': {
    packages: ['aws-jwt-verify'],
    async open({ issuer, jwksUri, audience }) {
      // Its own fetcher takes https only.
      const fetcher = { fetch: async (uri: string) => (await fetch(uri)).arrayBuffer() };
      const options = { jwksCache: new SimpleJwksCache({ fetcher }) };
      const verifier = JwtVerifier.create({ issuer, audience, jwksUri }, options);
      return guard((token) => verifier.verify(token));
    },
  },

  'fast-jwt': {
    packages: ['fast-jwt', 'get-jwks'],
    async open({ issuer, audience, alg }) {
      const jwks = buildGetJwks({ issuersWhitelist: [issuer] });
      const key = ({ header: { kid, alg } }: { header: { kid?: string; alg?: string } }) =>
        jwks.getPublicKey({ ...(kid && { kid }), ...(alg && { alg }), domain: issuer });
      const verify = createVerifier({
        key,
        algorithms: [alg],
        allowedIss: issuer,
        allowedAud: audience,
      });
      return guard((token) => verify(token) as Promise<unknown>);
    },
  },

  'express-oauth2-jwt-bearer': {
    packages: ['express-oauth2-jwt-bearer'],
    async open({ issuer, jwksUri, audience, alg }) {
      const app = express();
      app.set('env', 'test'); // so that Express does not log each refusal
      app.use(auth({ issuer, jwksUri, audience, tokenSigningAlg: alg }));
      app.use((_request, response) => void response.end());
      return app;
    },
  },
};

/** The part that most of these libraries leave to the program: reads the field, and answers 401 with a challenge. */
function guard(verify: (token: string) => Promise<unknown>): RequestListener {
  return ({ headers }, response) => {
    const token = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
    void (token === undefined ? Promise.reject(new Error('no token')) : verify(token)).then(
      () => response.end(),
      () => response.writeHead(401, { 'www-authenticate': 'Bearer' }).end(),
    );
  };
}
