import { Injectable } from '@nestjs/common';
import { shareRuns, within } from '#trust';
import { NewestStatement } from '../key-set/newest-statement.js';

const COMPARE_INTERVAL_MS = 100;
/** Less than verifiers wait for an answer. */
const MAX_WAIT_MS = 500;

/**
 * Compares this replica's statement with the database before it is given out, so that a replica does not lag behind what
 * another has committed. Otherwise a verifier that asks because of an unknown kid would refuse a good token.
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
   * Takes up what the database holds, as of later than the call. Callers share a look, and there are 10 a second at
   * most. Resolves with whether there was an answer within 500 ms. Never rejects.
   */
  compareWithDatabase(): Promise<boolean> {
    const compared = this.compare().then(
      () => true,
      () => false,
    );
    return within(compared, MAX_WAIT_MS, false);
  }

  /** Seconds since the statement was last known to be what the database holds. */
  ageSeconds(): number {
    return (performance.now() - this.comparedAt) / 1000;
  }
}
