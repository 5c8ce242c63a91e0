import { SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import type { Expectation } from '../verify-access-token.js';
import { PUBLIC_ROUTE } from './public.js';

const SCOPES = Symbol('scopes');
const ANY_AUDIENCE = Symbol('any-audience');
const STRICT = Symbol('strict');

/** Requires all of these scopes of the caller's token; without them the answer is 403 `insufficient_scope`. */
export const Scopes = (...scopes: [string, ...string[]]) => SetMetadata(SCOPES, scopes);

/**
 * Accepts a token for any audience of the issuer. Only for the issuer's own session routes, which look the session
 * up besides: on a resource service it would let a token for one service be replayed at another.
 */
export const AnyAudience = () => SetMetadata(ANY_AUDIENCE, true);

/**
 * For routes where a token that was revoked a moment ago must not pass: while this service may have missed
 * revocations (NATS is away, or one is lacking, for more than 15 s) they answer 503 `trust_stale`. On other routes such
 * a token lives on until it expires.
 */
export const Strict = () => SetMetadata(STRICT, true);

/** What the decorators of a route ask of its callers; undefined for a public route. */
export function requirementsOf(
  context: ExecutionContext,
  reflector: Reflector,
  audience: string,
): Expectation | undefined {
  const targets = [context.getHandler(), context.getClass()];
  // A route that asks for scopes itself is closed, whatever its controller or a second decorator says.
  const closed = reflector.get<string[] | undefined>(SCOPES, context.getHandler()) !== undefined;
  if (!closed && reflector.getAllAndOverride<boolean>(PUBLIC_ROUTE, targets)) return undefined;
  return {
    audience: reflector.getAllAndOverride<boolean>(ANY_AUDIENCE, targets) ? undefined : audience,
    scopes: reflector.getAllAndOverride<string[]>(SCOPES, targets) ?? [],
    strict: reflector.getAllAndOverride<boolean>(STRICT, targets) ?? false,
  };
}
