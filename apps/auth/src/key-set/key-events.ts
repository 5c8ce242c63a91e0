import type { securityEvent } from '#service-kit';
import type { KeyRecords } from '../keys/key-life-cycle.js';

/** Logs a security event for each key whose state changed. Every change of the key set calls this. */
export function tellKeyChanges(before: KeyRecords, after: KeyRecords, tell: typeof securityEvent): void {
  const known = new Map(before.map((key) => [key.kid, key.status]));
  for (const { kid, alg, status, revocationReason } of after) {
    if (known.get(kid) === status) continue;
    if (status === 'revoked') tell('key.revoked', { kid, alg, reason: revocationReason });
    else if (status === 'active') tell('key.activated', { kid, alg });
    else tell(`key.${status}`, { kid, alg });
  }
}
