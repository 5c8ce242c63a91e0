/** The table of permissions: each role has scopes for each audience. */
export const roles = ['customer', 'admin'] as const;
export type Role = (typeof roles)[number];

/** For each role, its scopes for each audience. A login that names no audience gets a token for the first one of its role. */
export type ScopeTable = Readonly<Record<Role, Readonly<Record<string, readonly string[]>>>>;

/** The table of the running auth, as a provider: specs of auth have a table of their own. */
export const SCOPE_TABLE = Symbol('SCOPE_TABLE');

export const SCOPES: ScopeTable = {
  customer: { orders: ['orders:read', 'orders:write'] },
  admin: { auth: ['keys:manage', 'accounts:manage'], inventory: ['inventory:write'] },
};

/** Every scope of a table. */
export function scopesOf(table: ScopeTable): string[] {
  return Object.values(table).flatMap((byAudience) => Object.values(byAudience).flat());
}

/** The services that tokens can be for. */
export const audiences: readonly string[] = [...new Set(roles.flatMap((role) => Object.keys(SCOPES[role])))];

/** The audience of a token if the login names none. Undefined if the role has no audience. */
export function defaultAudience(table: ScopeTable, held: readonly Role[]): string | undefined {
  return Object.keys(table[held.includes('admin') ? 'admin' : 'customer'])[0];
}

/** The scopes of these roles for an audience. Empty if no role has a scope there. */
export function scopesFor(table: ScopeTable, held: readonly Role[], audience: string): string[] {
  return held.flatMap((role) => (Object.hasOwn(table[role], audience) ? table[role][audience]! : []));
}
