import { types } from 'node:util';
import { HttpException, Inject, Injectable, Logger, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard, AuthModuleOptions } from '@nestjs/passport';
import type { AccessTokenClaims } from '../access-token-claims.js';
import { Authenticator } from '../authenticate.js';
import type { ReceivedRequest } from '../bearer.js';
import { TrustError } from '../trust-error.js';
import { problemFor } from './guard-problems.js';
import { RouteRequirements } from './requirements.js';
import { TRUST_OPTIONS, type TrustModuleOptions } from './trust-options.js';

/** The part of a Fastify request that the guard uses. Passport puts the caller into `user`. */
interface GuardedRequest {
  readonly raw: ReceivedRequest;
  user?: AccessTokenClaims;
}

/**
 * The global guard: a route is closed unless it is marked `@Public()`. A token that was accepted before and still passes
 * is accepted at once; any other goes through passport and its {@link BearerStrategy}.
 */
@Injectable()
export class TokenGuard extends AuthGuard() {
  private readonly log = new Logger('trust');
  private readonly requirements: RouteRequirements;

  constructor(
    reflector: Reflector,
    @Inject(TRUST_OPTIONS) { audience }: TrustModuleOptions,
    private readonly authenticator: Authenticator,
    options: AuthModuleOptions,
  ) {
    super(options);
    this.requirements = new RouteRequirements(reflector, audience);
  }

  override canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const expected = this.requirements.of(context);
    if (expected === undefined) return true;
    const request = context.switchToHttp().getRequest<GuardedRequest>();
    const claims = this.authenticator.recall(request.raw, expected);
    if (claims === undefined) return super.canActivate(context) as Promise<boolean>;
    request.user = claims;
    return true;
  }

  override getAuthenticateOptions(context: ExecutionContext) {
    // For passport, `session: false` means no cookie and no server-side login state.
    return { session: false, expected: this.requirements.of(context) } as { session: boolean };
  }

  override handleRequest<Claims>(
    error: unknown,
    claims: Claims | false,
    info: unknown,
    context: ExecutionContext,
  ): Claims {
    if (claims) return claims;
    const reason: unknown = error ?? info;
    if (reason instanceof TrustError) throw this.refuse(reason, context);
    // Not by instanceof: under jest, an error of Node itself is made by another `Error` than ours.
    throw types.isNativeError(reason) ? reason : new Error('authentication failed', { cause: reason });
  }

  private refuse(error: TrustError, context: ExecutionContext): HttpException {
    if (error.code === 'internal') this.log.error(error.message, error.cause);
    else this.log.debug(`refused: ${error.code}: ${error.message}`);
    const { challenge, ...facts } = problemFor(error, this.requirements.of(context)?.scopes ?? []);
    const response = context.switchToHttp().getResponse<{ header(name: string, value: string): void }>();
    if (challenge) response.header('WWW-Authenticate', challenge);
    if (facts.status === 503) response.header('Retry-After', '1');
    return new HttpException({ type: 'about:blank', ...facts }, facts.status, { cause: error });
  }
}
