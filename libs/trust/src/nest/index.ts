/** `#trust` behind NestJS: one module to import, a global closed guard, and the decorators that open routes. */
export { CurrentCaller, type Caller } from './caller.js';
export { guardProblems } from './guard-problems.js';
export { Public } from './public.js';
export { AnyAudience, requirementsOf, Scopes, Strict, type RouteContext } from './requirements.js';
// By a star: only what is exported so can be merged into from outside.
export type * from './scope-registry.js';
export { TrustModule, type TrustModuleOptions } from './trust.module.js';
export { KeyRing } from '../key-ring.js';
export type { TrustEvent } from '../refusals.js';
export { trustCheck } from './trust-check.js';
export { TrustMetricsModule } from './trust-metrics.js';
