import type { HealthCheck } from '#service-kit';
import type { EpochGuard } from './epoch-guard.js';
import type { ProvenStatement } from './proven-statement.js';

/** Down while the database went back: nothing is signed. Degraded while that could go unnoticed, for want of a copy. */
export function keySetCheck(guard: EpochGuard, proven: ProvenStatement): HealthCheck {
  return {
    name: 'keySet',
    check: () => {
      if (guard.databaseWentBack) return { status: 'down', reason: 'database_went_back' };
      // Which fault it is stands in the log.
      return proven.fault ? { status: 'degraded', reason: 'no_statement_copy' } : { status: 'up' };
    },
  };
}
