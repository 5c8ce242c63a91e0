/** The ways to protect a route that are compared, each as users would build it, with the settings that its docs recommend. */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import {
  UnauthorizedException,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  type INestApplicationContext,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import { JwtVerifier } from 'aws-jwt-verify';
import { createVerifier } from 'fast-jwt';
import type { FastifyRequest } from 'fastify';
import { createLocalJWKSet, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { passportJwtSecret } from 'jwks-rsa';
import { ExtractJwt, Strategy, type SecretOrKeyProvider } from 'passport-jwt';
import { Pool } from 'pg';
import { KeyRing } from '#trust';
import { TrustModule } from '#trust/nest';
import { InsideController, MEASURED_GUARDS, OneOfSeveral, type MeasuredGuards } from './inside.js';

/** What a server process is told. */
export interface ServerFacts {
  readonly issuer: string;
  readonly audience: string;
  readonly alg: 'ES256' | 'RS256';
  /** PEM of the trust anchor, and a statement that it signed. */
  readonly anchor: string;
  readonly statement: string;
  readonly jwk: JsonWebKey & { readonly kid: string };
  /** The table `sessions (id text primary key, account text)`. */
  readonly postgres: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  /** The ids of all sessions. */
  readonly sessions: readonly string[];
}

/** One way to protect a route. */
export interface Protection {
  readonly title: string;
  /** What a request carries; `token` by default. */
  readonly carries?: 'token' | 'session';
  readonly path?: '/work' | '/open' | '/inside';
  /** Whether it remembers a token that it has judged: then it is measured with repeated tokens, too. */
  readonly remembers?: boolean;
  /** Left out of the short run. */
  readonly slow?: boolean;
  readonly modules?: (facts: ServerFacts) => DynamicModule[];
  /** A function that resolves or returns if the request may pass, and throws otherwise. */
  readonly judge?: (facts: ServerFacts) => (request: FastifyRequest) => unknown;
  readonly providers?: (facts: ServerFacts) => Provider[];
  readonly controllers?: Type[];
  /** Called before the first request. */
  readonly prepare?: (app: INestApplicationContext, facts: ServerFacts) => void;
}

export const UNGUARDED = 'none';
export const NO_OP = 'no-op';

export const protections: Readonly<Record<string, Protection>> = {
  [UNGUARDED]: { title: 'no guard' },
  [NO_OP]: { title: 'a guard that does nothing', judge: () => () => true },
  ours: { title: 'Signet, with scopes', remembers: true, modules: trustModule, prepare: acceptStatement },
  public: {
    title: 'Signet, a `@Public()` route',
    path: '/open',
    modules: trustModule,
    prepare: acceptStatement,
  },
  memory: { title: 'session id, sessions in memory', carries: 'session', judge: sessionsInMemory },
  postgres: {
    title: 'session id, sessions in PostgreSQL',
    carries: 'session',
    slow: true,
    judge: sessionsInPostgres,
  },
  'fast-jwt-cache': {
    title: 'fast-jwt with its cache',
    remembers: true,
    judge: (facts) => fastJwt(facts, { cache: 10_000 }),
  },
  'fast-jwt': { title: 'fast-jwt', judge: (facts) => fastJwt(facts, { cache: false }) },
  jsonwebtoken: { title: 'jsonwebtoken', slow: true, judge: jsonWebToken },
  jose: { title: 'jose', slow: true, judge: jose },
  aws: { title: 'aws-jwt-verify', slow: true, judge: awsJwtVerify },
  'passport-pem': {
    title: 'passport-jwt with a PEM',
    slow: true,
    providers: (facts) => passportJwt(facts, { secretOrKey: pem(facts) }),
  },
  'passport-jwks': {
    title: 'passport-jwt with jwks-rsa',
    providers: (facts) =>
      passportJwt(facts, {
        secretOrKeyProvider: passportJwtSecret({
          jwksUri: 'https://not-asked.test/jwks.json',
          // The keys themselves, so that no network is measured.
          getKeysInterceptor: () => Promise.resolve([published(facts)] as never),
          cache: true,
        }),
      }),
  },
};

/** Not a protection of its own: some of them, measured inside one server. */
export const inside: Protection = {
  title: 'inside',
  path: '/inside',
  modules: trustModule,
  prepare: acceptStatement,
  controllers: [InsideController],
  providers: (facts) => [OneOfSeveral, { provide: MEASURED_GUARDS, useValue: measuredGuards(facts) }],
};

function measuredGuards(facts: ServerFacts): MeasuredGuards {
  const theirs = [NO_OP, 'memory', 'fast-jwt-cache'].map((name) => {
    const { title, carries, judge } = protections[name]!;
    return { title, carries: name === NO_OP ? 'any' : (carries ?? 'token'), judge: judge!(facts) } as const;
  });
  const expected = { audience: facts.audience, scopes: ['orders:read'] };
  return (signet) => [
    ...theirs,
    {
      title: protections['ours']!.title,
      carries: 'token',
      judge: (_request, context) => signet.requireToken(context, expected),
    },
  ];
}

const published = ({ jwk, alg }: ServerFacts) => ({ ...jwk, alg, use: 'sig' });

const pem = ({ jwk }: ServerFacts): string =>
  createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string;

const bearer = ({ headers }: FastifyRequest): string => headers.authorization!.slice('Bearer '.length);

function trustModule({ issuer, audience, anchor }: ServerFacts): DynamicModule[] {
  return [TrustModule.forRoot({ issuer, audience, anchors: [anchor], issuerFetchUrl: 'none' })];
}

/** As if the statement had come over NATS. */
function acceptStatement(app: INestApplicationContext, { statement }: ServerFacts): void {
  const refusal = app.get(KeyRing).accept(statement, 'nats');
  if (refusal !== undefined) throw new Error(refusal);
}

function sessionsInMemory({ sessions }: ServerFacts) {
  const accounts = new Map(sessions.map((id) => [id, { account: `account of ${id}` }]));
  return (request: FastifyRequest) => {
    const account = accounts.get(bearer(request));
    if (!account) throw new UnauthorizedException();
    Object.assign(request, { user: account });
  };
}

function sessionsInPostgres({ postgres }: ServerFacts) {
  const pool = new Pool({ ...postgres, max: 10 });
  const query = { name: 'session', text: 'SELECT account FROM sessions WHERE id = $1' };
  return async (request: FastifyRequest) => {
    const { rows } = await pool.query({ ...query, values: [bearer(request)] });
    if (rows.length !== 1) throw new UnauthorizedException();
    Object.assign(request, { user: rows[0] as unknown });
  };
}

function fastJwt(facts: ServerFacts, { cache }: { cache: number | false }) {
  const verify = createVerifier({
    key: pem(facts),
    algorithms: [facts.alg],
    allowedIss: facts.issuer,
    allowedAud: facts.audience,
    cache,
  });
  return (request: FastifyRequest) => {
    Object.assign(request, { user: verify(bearer(request)) as unknown });
  };
}

function jsonWebToken(facts: ServerFacts) {
  const [key, options] = [createPublicKey(pem(facts)), optionsOf(facts)];
  return (request: FastifyRequest) => {
    Object.assign(request, { user: jsonwebtoken.verify(bearer(request), key, options) });
  };
}

function optionsOf({ issuer, audience, alg }: ServerFacts) {
  return { issuer, audience, algorithms: [alg] };
}

function jose(facts: ServerFacts) {
  const keys = createLocalJWKSet({ keys: [published(facts)] as never });
  const options = optionsOf(facts);
  return async (request: FastifyRequest) => {
    const { payload } = await jwtVerify(bearer(request), keys, options);
    Object.assign(request, { user: payload });
  };
}

function awsJwtVerify(facts: ServerFacts) {
  const { issuer, audience } = facts;
  const jwksUri = 'https://not-asked.test/jwks.json';
  const verifier = JwtVerifier.create({ issuer, audience, jwksUri });
  verifier.cacheJwks({ keys: [published(facts)] as never });
  return (request: FastifyRequest) => {
    Object.assign(request, { user: verifier.verifySync(bearer(request)) });
  };
}

function passportJwt(
  facts: ServerFacts,
  keys: { secretOrKey: string } | { secretOrKeyProvider: SecretOrKeyProvider },
): Provider[] {
  class JwtStrategy extends PassportStrategy(Strategy) {
    constructor() {
      super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), ...optionsOf(facts), ...keys });
    }

    validate(claims: unknown) {
      return claims;
    }
  }
  return [JwtStrategy, { provide: APP_GUARD, useClass: AuthGuard('jwt') }];
}

/** A global guard around a function. */
export function guardOf(judge: (request: FastifyRequest) => unknown): Provider {
  const pass = () => true;
  const guard: CanActivate = {
    canActivate(context: ExecutionContext) {
      const judged = judge(context.switchToHttp().getRequest<FastifyRequest>());
      return judged instanceof Promise ? judged.then(pass) : true;
    },
  };
  return { provide: APP_GUARD, useValue: guard };
}
