/** The table of permissions: each role has scopes for each audience. */
export const roles = ['customer', 'admin'] as const;
export type Role = (typeof roles)[number];

const SCOPES: Record<Role, Readonly<Record<string, readonly string[]>>> = {
  customer: { orders: ['orders:read', 'orders:write'] },
  admin: { auth: ['keys:manage', 'accounts:manage'], inventory: ['inventory:write'] },
};

/** The audience of a token if the login names none. */
const DEFAULT_AUDIENCE: Record<Role, string> = { customer: 'orders', admin: 'auth' };

export const allScopes: readonly string[] = Object.values(SCOPES).flatMap((byAudience) =>
  Object.values(byAudience).flat(),
);

/** The services that tokens can be for. */
export const audiences: readonly string[] = [...new Set(roles.flatMap((role) => Object.keys(SCOPES[role])))];

export function defaultAudience(held: readonly Role[]): string {
  return DEFAULT_AUDIENCE[held.includes('admin') ? 'admin' : 'customer'];
}

/** The scopes of these roles for an audience. Empty if no role has a scope there. */
export function scopesFor(held: readonly Role[], audience: string): string[] {
  return held.flatMap((role) => (Object.hasOwn(SCOPES[role], audience) ? SCOPES[role][audience]! : []));
}
