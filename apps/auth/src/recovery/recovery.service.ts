import { Inject, Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import { securityEvent } from '#service-kit';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { EpochGuard } from '../key-set/epoch-guard.js';
import { KeySetService } from '../key-set/key-set.service.js';
import { NewestStatement } from '../key-set/newest-statement.js';
import { renumberAfterRestore } from '../key-set/revocation-range.js';
import { SealedKeys } from '../keys/sealed-keys.js';
import { beginRotation, endRotation, openRotation } from '../rotation/open-rotation.js';
import { Session } from '../sessions/session.entity.js';
import { recoveredKeys } from './recover.js';

export interface Recovery {
  readonly epoch: number;
  /** The epoch of the restored database. */
  readonly from: number;
  /** The newest epoch that was published before the recovery. */
  readonly after: number;
  readonly endedSessions: number;
}

/**
 * Two commands of an operator: `recover` after a restore of the database, and `reseal` for a new key-encryption key.
 */
@Injectable()
export class RecoveryService {
  constructor(
    private readonly keySet: KeySetService,
    private readonly newest: NewestStatement,
    private readonly guard: EpochGuard,
    private readonly sealedKeys: SealedKeys,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Recovers after a restore. The epochs continue after the newest published epoch. Every key revocation is kept. Two
   * new keys with the algorithm of the last active key replace all keys. All sessions end. The first new key becomes
   * active when every counted verifier has acknowledged it, or after 1 s.
   *
   * @throws AuthError `nothing_to_recover` if the database holds the newest statement
   */
  async recover(): Promise<Recovery> {
    await this.newest.refresh();
    const proven = this.guard.provenStatement;
    if (!proven || !this.guard.databaseWentBack) throw new AuthError('nothing_to_recover');
    const alg = proven.keys.find(({ status }) => status === 'active')?.alg ?? this.settings.signingAlg;
    const newKeys = [await this.sealedKeys.generate(alg), await this.sealedKeys.generate(alg)];
    const { statement, answer } = await this.keySet.change(
      async (keys, context) => {
        const now = await context.stopSigning();
        const { tx } = context;
        const open = await openRotation(tx);
        if (open) await endRotation({ ...context, now }, open, 'aborted');
        const { affected } = await tx.update(Session, { endedAt: IsNull() }, { endedAt: now });
        await renumberAfterRestore(tx, proven.revocations.to);
        await beginRotation({ ...context, now }, newKeys[0]!.kid, 'emergency');
        const answer = { from: context.epoch, endedSessions: affected ?? 0 };
        return { keys: recoveredKeys(keys, { proven, newKeys, now }), answer };
      },
      { recover: true },
    );
    const { from, endedSessions } = answer;
    const recovery = { epoch: statement!.epoch, from, after: proven.epoch, endedSessions };
    securityEvent('recovered', recovery);
    return recovery;
  }

  /** Seals every private half under the first key-encryption key. Returns how many seals it changed. */
  async reseal(): Promise<number> {
    const { answer } = await this.keySet.change(async (keys, { stopSigning }) => {
      await stopSigning();
      const resealed = keys.map((key) => this.sealedKeys.reseal(key));
      const count = resealed.filter((key, index) => key !== keys[index]).length;
      return { keys: count > 0 ? resealed : undefined, answer: count };
    });
    return answer;
  }
}
