import type { KeyRing } from '../key-ring.js';

/**
 * The readiness check of a verifier, for the health endpoint of its service. Without an unexpired statement, every
 * closed route answers 503, so the check is down. The same holds while the revocation view may not be used. With an
 * unconfirmed statement the verifier still works, so it is degraded.
 */
export function trustCheck(ring: KeyRing) {
  const statuses = { empty: 'down', stale: 'down', unconfirmed: 'degraded', confirmed: 'up' } as const;
  const reasons = { incomplete: 'revocations_incomplete', too_many: 'too_many_revocations' } as const;
  return {
    name: 'trust',
    check: () => {
      const freshness = ring.freshness();
      const facts = { freshness, epoch: ring.facts().epoch };
      const fault = ring.revocations.fault();
      if (fault) return { status: 'down' as const, ...facts, reason: reasons[fault] };
      return { status: statuses[freshness], ...facts };
    },
  };
}
