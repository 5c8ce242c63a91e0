import type { KeyRing } from '../key-ring.js';

/**
 * The readiness check of a verifier, for the health endpoint of its service. Without an unexpired statement, every
 * closed route answers 503, so the check is down. With an unconfirmed statement the verifier still works, so it is
 * degraded.
 */
export function trustCheck(ring: KeyRing) {
  const statuses = { empty: 'down', stale: 'down', unconfirmed: 'degraded', confirmed: 'up' } as const;
  return {
    name: 'trust',
    check: () => {
      const freshness = ring.freshness();
      return { status: statuses[freshness], freshness, epoch: ring.facts().epoch };
    },
  };
}
