import type { KeyRing } from '../key-ring.js';

/**
 * The readiness of a verifier, as a check for the health endpoint of whatever service it is in: without an
 * unexpired statement every closed route answers 503, so it is down; one that is not fresh still judges rightly.
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
