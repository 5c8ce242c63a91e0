import type { HealthCheck } from '#service-kit';
import type { EpochGuard } from './epoch-guard.js';
import type { ProvenStatement } from './proven-statement.js';

/** Down while the database went back, because auth signs nothing. Degraded while the statement copy cannot be used. */
export function keySetCheck(guard: EpochGuard, proven: ProvenStatement): HealthCheck {
  return {
    name: 'keySet',
    check: () => {
      if (guard.databaseWentBack) return { status: 'down', reason: 'database_went_back' };
      // The log has the exact fault.
      return proven.fault ? { status: 'degraded', reason: 'no_statement_copy' } : { status: 'up' };
    },
  };
}
