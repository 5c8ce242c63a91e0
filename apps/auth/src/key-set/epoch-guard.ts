/**
 * Notices a database that went back: its epoch is older than one that was published, so it was restored from a backup.
 * Going on from there would bring revoked keys back and use an epoch twice. So nothing is signed until an operator has
 * run `npm run keys -- recover`.
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

  /** The newest epoch there is proof of. Read it before the database: other replicas go on while the database answers. */
  provenEpoch(): number {
    return Math.max(this.newestIssued, this.provenStatement?.epoch ?? 0);
  }

  /** The newest statement that anyone told of, with the anchor's signature as the proof. */
  get provenStatement(): KeySetStatement | undefined {
    return this.proven.newest();
  }

  /** Remembers the epoch of a statement that this process holds. */
  remember(epoch: number): void {
    this.newestIssued = Math.max(this.newestIssued, epoch);
  }

  /** Compares the epoch of the database with the proven one, and remembers whether it went back. */
  compare(epoch: number, proven: number): void {
    if (epoch < proven && !this.wentBack) {
      this.log.error(
        `the database is at epoch ${epoch}, but epoch ${proven} was published: it was restored from an older backup. ` +
          'Nothing is signed until "npm run keys -- recover" has been run.',
      );
    }
    this.wentBack = epoch < proven;
  }

  /**
   * Refuses to sign from a database that went back. Call it inside the transaction that signs. It reads no file: each
   * change and each round of the key custodian reads the copy.
   *
   * @throws AuthError `database_went_back`
   */
  async refuseOldDatabase(tx: EntityManager): Promise<void> {
    const proven = this.provenEpoch();
    const [state] = await tx.query<{ epoch: string }[]>('SELECT epoch FROM key_set');
    this.compare(Number(state?.epoch ?? 0), proven);
    this.refuseIfWentBack();
  }

  /** @throws AuthError `database_went_back` */
  refuseIfWentBack(): void {
    if (this.wentBack) throw new AuthError('database_went_back', { retryAfterSeconds: 60 });
  }
}
