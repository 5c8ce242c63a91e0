/**
 * `#trust` for NestJS: one module to import, a global guard that closes every route, and decorators that open routes.
 */
export { Authenticator } from '../authenticate.js';
export { Bearer, CurrentBearer } from './bearer.js';
export { CurrentCaller, type Caller } from './caller.js';
export { guardProblems } from '../guard-problems.js';
export { Public } from './public.js';
export { ActedBy, AnyAudience, requirementsOf, Scopes, Strict, type RouteContext } from './requirements.js';
export { RESOURCE_METADATA_PATH } from '../resource-metadata.js';
// With a star, because an application can merge declarations only into names that are exported in this way.
export type * from './scope-registry.js';
export { TokenGuard } from './token.guard.js';
export { TrustModule, type TrustModuleOptions } from './trust.module.js';
export { KeyRing } from '../key-ring.js';
export type { TrustEvent } from '../refusals.js';
export { trustCheck } from './trust-check.js';
