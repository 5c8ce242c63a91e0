/** The services and scopes of the specs of auth. They do not depend on the services that this system has. */
import type { AccessPolicy } from '../src/auth.module.js';

declare module '#trust/nest' {
  interface ScopeRegistry {
    'orders:read': true;
    'orders:write': true;
    'inventory:write': true;
    'inventory:reserve': true;
  }
}

export const specPolicy: AccessPolicy = {
  scopes: {
    customer: { orders: ['orders:read', 'orders:write'] },
    admin: { auth: ['keys:manage', 'accounts:manage'], inventory: ['inventory:write'] },
  },
  permissions: [
    { caller: 'orders', callee: 'inventory', needs: 'orders:write', grants: ['inventory:reserve'] },
    { caller: 'orders', callee: 'inventory', needs: null, grants: ['inventory:reserve'] },
  ],
};
