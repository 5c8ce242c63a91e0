import { expect, it } from '@jest/globals';
import { EpochGuard } from './epoch-guard.js';
import type { ProvenStatement } from './proven-statement.js';

/** A guard to which a statement with this epoch was proven. */
function guardAt(epoch: number): EpochGuard {
  const guard = new EpochGuard({ newest: () => undefined } as unknown as ProvenStatement);
  guard.remember(epoch);
  return guard;
}

it('a database with a lower epoch went back, and one with the proven epoch did not', () => {
  const guard = guardAt(10);
  guard.compare(9, 10);
  expect(guard.databaseWentBack).toBe(true);
  guard.compare(10, 10);
  expect(guard.databaseWentBack).toBe(false);
});

it('a comparison with a proof that is no longer the newest finds nothing, and takes nothing back', () => {
  const guard = guardAt(10);
  const proven = guard.provenEpoch();
  guard.remember(20);
  guard.compare(10, proven);
  expect(guard.databaseWentBack).toBe(false);
  guard.compare(10, guard.provenEpoch());
  guard.compare(10, proven);
  expect(guard.databaseWentBack).toBe(true);
});
