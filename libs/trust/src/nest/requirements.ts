import { SetMetadata } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import type { Expectation } from '../verify-access-token.js';
import { PUBLIC_ROUTE } from './public.js';
import type { Scope } from './scope-registry.js';

const SCOPES = Symbol('scopes');
const ANY_AUDIENCE = Symbol('any-audience');
const STRICT = Symbol('strict');
const ACTED_BY = Symbol('acted-by');

/** Requires all of these scopes of the caller's token; without them the answer is 403 `insufficient_scope`. */
export const Scopes = (...scopes: [Scope, ...Scope[]]) => SetMetadata(SCOPES, scopes);

/**
 * Accepts a token for any audience of the issuer. It is only for the issuer's own session routes, which also look the
 * session up. At a resource service, it would accept a token that was meant for another service.
 */
export const AnyAudience = () => SetMetadata(ANY_AUDIENCE, true);

/**
 * For routes that must refuse a token that was revoked a moment ago. They answer 503 `trust_stale` while this service
 * may have missed revocations: NATS is away, or a revocation is missing, for more than 15 s. Other routes accept such a
 * token until it expires.
 */
export const Strict = () => SetMetadata(STRICT, true);

/**
 * Requires a token that this client got in exchange for the token of a customer (RFC 8693): it has a `sid`, and the
 * outermost `act` names the client. A scope cannot say that: the client may have the same scope for itself. Any other
 * good token gets 403 `wrong_actor`.
 */
export const ActedBy = (client: string) => SetMetadata(ACTED_BY, client);

type Target = Parameters<Reflector['get']>[1];

/** The part of Nest's ExecutionContext that says which route is called. */
export interface RouteContext {
  getHandler(): Target;
  getClass(): Target;
}

/**
 * Keeps what each route of an application requires, so that its decorators are read only once. A route is a class and a
 * handler, because two controllers can inherit one handler, and only one of them may be public.
 */
export class RouteRequirements {
  private readonly byClass = new WeakMap<Target, WeakMap<Target, Expectation | 'public'>>();

  constructor(
    private readonly reflector: Reflector,
    private readonly audience: string,
  ) {}

  /** Like {@link requirementsOf}. */
  of(context: RouteContext): Expectation | undefined {
    const required = this.byClass.get(context.getClass())?.get(context.getHandler()) ?? this.read(context);
    return required === 'public' ? undefined : required;
  }

  private read(context: RouteContext): Expectation | 'public' {
    const controller = context.getClass();
    const byHandler = this.byClass.get(controller) ?? new WeakMap<Target, Expectation | 'public'>();
    const required = requirementsOf(context, this.reflector, this.audience) ?? 'public';
    this.byClass.set(controller, byHandler.set(context.getHandler(), required));
    return required;
  }
}

/** Returns what the decorators of a route require of its callers; undefined for a public route. */
export function requirementsOf(
  context: RouteContext,
  reflector: Reflector,
  audience: string,
): Expectation | undefined {
  const targets = [context.getHandler(), context.getClass()];
  if (isPublic(targets, reflector)) return undefined;
  return {
    audience: reflector.getAllAndOverride<boolean>(ANY_AUDIENCE, targets) ? undefined : audience,
    scopes: reflector.getAllAndOverride<string[]>(SCOPES, targets) ?? [],
    strict: reflector.getAllAndOverride<boolean>(STRICT, targets) ?? false,
    actor: reflector.getAllAndOverride<string>(ACTED_BY, targets),
  };
}

/**
 * Whether `@Public()` opens a route. It stands on the handler, or on the class of a handler that requires nothing. A
 * handler or a class that requires anything stays closed, even with `@Public()` beside it: a contradiction must not
 * open a route.
 */
function isPublic(targets: readonly Target[], reflector: Reflector): boolean {
  const has = (key: symbol, target: Target) => reflector.get(key, target) !== undefined;
  for (const target of targets) {
    if ([SCOPES, ANY_AUDIENCE, STRICT, ACTED_BY].some((key) => has(key, target))) return false;
    if (has(PUBLIC_ROUTE, target)) return true;
  }
  return false;
}
