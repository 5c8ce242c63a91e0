/**
 * Notices a database that went back: its epoch is less than a published epoch, so it was restored from an old backup.
 * To sign from it would bring revoked keys back and use an epoch twice. So auth signs nothing until an operator has run
 * `npm run keys -- recover`.
 */
import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { KeySetStatement } from '#statements';
import { AuthError } from '../errors.js';
import { ProvenStatement } from './proven-statement.js';

@Injectable()
export class EpochGuard {
  private readonly log = new Logger('keys');
  private newestIssued = 0;
  private wentBack = false;

  constructor(private readonly proven: ProvenStatement) {}

  /** Whether the database is older than statements that were made from it. */
  get databaseWentBack(): boolean {
    return this.wentBack;
  }

  /** The greatest epoch that was proven to be published. Call it before a read of the database, whose epoch may grow. */
  provenEpoch(): number {
    return Math.max(this.newestIssued, this.provenStatement?.epoch ?? 0);
  }

  /** The newest statement that is proven by the anchor's signature. */
  get provenStatement(): KeySetStatement | undefined {
    return this.proven.newest();
  }

  /** Remembers the epoch of a statement that this process holds. */
  remember(epoch: number): void {
    this.newestIssued = Math.max(this.newestIssued, epoch);
  }

  /**
   * Compares the epoch of the database with the proven epoch, and remembers whether the database went back. If a greater
   * epoch was proven since `proven` was read, this may note that it went back, but never that it did not.
   */
  compare(epoch: number, proven: number): void {
    if (epoch < proven && !this.wentBack) {
      this.log.error(
        `the database is at epoch ${epoch}, but epoch ${proven} was published: it was restored from an old backup. ` +
          'auth signs nothing until an operator runs "npm run keys -- recover".',
      );
    }
    if (epoch < proven) this.wentBack = true;
    else if (epoch >= this.provenEpoch()) this.wentBack = false;
  }

  /**
   * Refuses to sign if the database went back. Call it inside the transaction that signs. It does not read the
   * statement copy. Each change and each round of the key custodian does that.
   *
   * @returns the clock of the database, and the kid of the anchor that signs; null before the first statement
   * @throws AuthError `database_went_back`
   */
  async refuseOldDatabase(tx: EntityManager): Promise<{ now: Date; anchor: string | null }> {
    const proven = this.provenEpoch();
    // Every login runs this, and it does not need the statement, which is the large part of the row.
    const [state] = await tx.query<{ epoch: string; anchor: string | null; now: Date }[]>(
      'SELECT epoch, anchor, clock_timestamp() AS now FROM key_set',
    );
    this.compare(Number(state?.epoch ?? 0), proven);
    this.refuseIfWentBack();
    return state!;
  }

  /** @throws AuthError `database_went_back` */
  refuseIfWentBack(): void {
    if (this.wentBack) throw new AuthError('database_went_back', { retryAfterSeconds: 60 });
  }
}
