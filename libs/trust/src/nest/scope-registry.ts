/**
 * The scopes of the application, one member each. It is empty here, because this library knows no service; the
 * application adds its own by declaration merging, and a mistyped scope then does not compile:
 *
 *   declare module '#trust/nest' {
 *     interface ScopeRegistry { 'orders:read': true }
 *   }
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- its members are the application's
export interface ScopeRegistry {}

/** A scope that the application has declared. */
export type Scope = Extract<keyof ScopeRegistry, string>;
