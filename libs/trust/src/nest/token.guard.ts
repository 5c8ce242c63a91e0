import { types } from 'node:util';
import {
  HttpException,
  Inject,
  Injectable,
  Logger,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import passport, { type AuthenticateOptions } from 'passport';
import type { AccessTokenClaims } from '../access-token-claims.js';
import { Authenticator } from '../authenticate.js';
import type { ReceivedRequest } from '../bearer.js';
import { problemFor } from '../guard-problems.js';
import { resourceMetadataParameter } from '../resource-metadata.js';
import { TrustError } from '../trust-error.js';
import type { Expectation } from '../verify-access-token.js';
import { BEARER, BearerStrategy } from './bearer.strategy.js';
import { receivedRequest, type NestRequest } from './nest-request.js';
import { RouteRequirements } from './requirements.js';
import { TRUST_OPTIONS, type TrustModuleOptions } from './trust-options.js';

type PassportMiddleware = (
  request: { readonly raw: ReceivedRequest },
  response: object,
  next: (error: unknown) => void,
) => void;

/** The part of a request that the guard uses. `user` is where passport, too, would put the caller. */
type GuardedRequest = NestRequest & { user?: AccessTokenClaims };

/**
 * The global guard: a route is closed unless it is marked `@Public()`. A token that was accepted before and still passes
 * is accepted at once; any other goes through passport and its {@link BearerStrategy}.
 */
@Injectable()
export class TokenGuard implements CanActivate {
  private readonly log = new Logger('trust');
  private readonly requirements: RouteRequirements;
  /** A parameter of every challenge (RFC 9728 §5.1). */
  private readonly resourceMetadata: string | undefined;
  /** A registry of its own, so that no other part of the application can replace the strategy. */
  private readonly passport = new passport.Passport();

  constructor(
    reflector: Reflector,
    @Inject(TRUST_OPTIONS) { audience, resourceUrl }: TrustModuleOptions,
    private readonly authenticator: Authenticator,
    strategy: BearerStrategy,
  ) {
    this.requirements = new RouteRequirements(reflector, audience);
    this.resourceMetadata = resourceMetadataParameter(resourceUrl);
    this.passport.use(BEARER, strategy);
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const expected = this.requirements.of(context);
    return expected === undefined || this.requireToken(context, expected);
  }

  /**
   * Lets the request in only with a good token. For a guard of one route that accepts something else in place of a token.
   * Such a route is `@Public()`.
   */
  requireToken(context: ExecutionContext, expected: Expectation): boolean | Promise<boolean> {
    const request = context.switchToHttp().getRequest<GuardedRequest>();
    const claims = this.authenticator.recall(receivedRequest(request), expected);
    if (claims === undefined) return this.authenticate(context, request, expected);
    request.user = claims;
    return true;
  }

  private async authenticate(
    context: ExecutionContext,
    request: GuardedRequest,
    expected: Expectation,
  ): Promise<boolean> {
    try {
      request.user = await this.askPassport(request, expected);
      return true;
    } catch (reason) {
      if (reason instanceof TrustError) throw this.refuse(reason, context, expected);
      // Not by instanceof: under jest, an error of Node itself is made by another `Error` than ours.
      throw types.isNativeError(reason) ? reason : new Error('authentication failed', { cause: reason });
    }
  }

  /**
   * Not by `AuthGuard` of @nestjs/passport: after it, V8 kept each request in memory until the next full garbage
   * collection, which cost more than the verification of an RS256 token. For the same reason passport gets an object of its
   * own and not the request, to which it would add ten members.
   */
  private askPassport(request: GuardedRequest, expected: Expectation): Promise<AccessTokenClaims> {
    return new Promise((resolve, reject) => {
      const answer = (error: unknown, claims: AccessTokenClaims | false | null, reason: unknown) =>
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- judged by the caller
        claims ? resolve(claims) : reject(error ?? reason);
      // For passport, `session: false` means no cookie and no server-side login state.
      const options = { session: false, expected } as AuthenticateOptions;
      const judge = this.passport.authenticate(BEARER, options, answer) as PassportMiddleware;
      judge({ raw: receivedRequest(request) }, {}, reject);
    });
  }

  private refuse(error: TrustError, context: ExecutionContext, { scopes = [] }: Expectation): HttpException {
    if (error.code === 'internal') this.log.error(error);
    else this.log.debug(`refused: ${error.code}: ${error.message}`);
    const { challenge, ...facts } = problemFor(error, { scopes, resourceMetadata: this.resourceMetadata });
    const response = context.switchToHttp().getResponse<{ header(name: string, value: string): void }>();
    if (challenge) response.header('WWW-Authenticate', challenge);
    if (facts.status === 503) response.header('Retry-After', '1');
    return new HttpException({ type: 'about:blank', ...facts }, facts.status, { cause: error });
  }
}
