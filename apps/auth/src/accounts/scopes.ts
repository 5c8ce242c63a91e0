/** Who may do what where: scopes are role × audience, in one table. */
export const roles = ['customer', 'admin'] as const;
export type Role = (typeof roles)[number];

const SCOPES: Record<Role, Readonly<Record<string, readonly string[]>>> = {
  customer: { orders: ['orders:read', 'orders:write'] },
  admin: { auth: ['keys:manage', 'accounts:manage'], inventory: ['inventory:write'] },
};

/** The audience of a login that names none. */
const DEFAULT_AUDIENCE: Record<Role, string> = { customer: 'orders', admin: 'auth' };

export const allScopes: readonly string[] = Object.values(SCOPES).flatMap((byAudience) =>
  Object.values(byAudience).flat(),
);

export function defaultAudience(held: readonly Role[]): string {
  return DEFAULT_AUDIENCE[held.includes('admin') ? 'admin' : 'customer'];
}

/** The scopes that the roles have at an audience; empty if none of them has any business there. */
export function scopesFor(held: readonly Role[], audience: string): string[] {
  return held.flatMap((role) => (Object.hasOwn(SCOPES[role], audience) ? SCOPES[role][audience]! : []));
}
