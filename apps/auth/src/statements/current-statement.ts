import { Injectable } from '@nestjs/common';
import { shareRuns, within } from '#trust';
import { NewestStatement } from '../key-set/newest-statement.js';

const COMPARE_INTERVAL_MS = 100;
/** This must be less than the time that a verifier waits for an answer (1.5 s). */
const MAX_WAIT_MS = 500;

/**
 * Compares the statement of this replica with the database before auth sends it. So the answer is not older than what
 * another replica has committed. Otherwise a verifier that asks about an unknown kid would refuse a good token.
 */
@Injectable()
export class CurrentStatement {
  private comparedAt = performance.now();
  private readonly compare = shareRuns(async () => {
    const beganAt = performance.now();
    await this.newest.refresh();
    this.comparedAt = beganAt;
  }, COMPARE_INTERVAL_MS);

  constructor(private readonly newest: NewestStatement) {}

  /**
   * Takes the last statement of the database, read after this call began. Callers share a read, and there are at most
   * 10 reads a second. Resolves to true if the database answered within 500 ms, otherwise to false. Never rejects.
   */
  compareWithDatabase(): Promise<boolean> {
    const compared = this.compare().then(
      () => true,
      () => false,
    );
    return within(compared, MAX_WAIT_MS, false);
  }

  /** Seconds since the last successful comparison with the database. */
  ageSeconds(): number {
    return (performance.now() - this.comparedAt) / 1000;
  }
}
