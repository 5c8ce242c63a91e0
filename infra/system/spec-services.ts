import type { ServiceRow } from './services.js';

const verifier = {
  trust: 'verifier',
  calls: [],
  seed: 'none',
  collectsEvents: false,
  idempotentPosts: [],
  guardedRoute: null,
} as const;

/** A table of services for specs. It does not depend on the services that this system has. */
export const specServices: readonly ServiceRow[] = [
  {
    ...verifier,
    name: 'auth',
    portOffset: 0,
    trust: 'issuer',
    seed: 'accounts',
    calls: [],
    idempotentPosts: [],
  },
  { ...verifier, name: 'orders', portOffset: 1, calls: ['inventory'], idempotentPosts: ['/orders'] },
  { ...verifier, name: 'inventory', portOffset: 2, seed: 'data', calls: [], idempotentPosts: [] },
];
