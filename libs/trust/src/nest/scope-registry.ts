/**
 * The scopes of the application, one member each. It is empty here, because this library knows no service. The
 * application adds its own scopes by declaration merging. A mistyped scope then does not compile:
 *
 *   declare module '#trust/nest' {
 *     interface ScopeRegistry { 'orders:read': true }
 *   }
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- its members are the application's
export interface ScopeRegistry {}

/** A scope that the application has declared. */
export type Scope = Extract<keyof ScopeRegistry, string>;
