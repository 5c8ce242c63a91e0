import { Inject, Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import { securityEvent } from '#service-kit';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { renumberAfterRestore } from '../key-set/revocation-range.js';
import { beginRotation, endRotation, openRotation } from '../rotation/open-rotation.js';
import { Session } from '../sessions/session.entity.js';
import { EpochWitness } from '../key-set/epoch-witness.js';
import { KeySetService } from '../key-set/key-set.service.js';
import { recoveredKeys } from './recover.js';

export interface Recovery {
  readonly epoch: number;
  /** The epoch that the database had been restored to, and the newest that had been published. */
  readonly from: number;
  readonly after: number;
  readonly endedSessions: number;
}

/** What an operator does after the database was restored from a backup, and about key-encryption keys. */
@Injectable()
export class RecoveryService {
  constructor(
    private readonly keySet: KeySetService,
    private readonly witness: EpochWitness,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Goes on after a restore: continues the epochs where they were published to, keeps every revocation, replaces all
   * keys by ones of the algorithm that signed last, and ends all sessions. The first fresh key signs once it is
   * acknowledged, or after a second.
   *
   * @throws AuthError `nothing_to_recover` if the database is as new as its newest statement
   */
  async recover(): Promise<Recovery> {
    await this.keySet.refresh();
    const witness = this.witness.newest();
    if (!witness || !this.keySet.databaseWentBack) throw new AuthError('nothing_to_recover');
    const alg = witness.keys.find(({ status }) => status === 'active')?.alg ?? this.settings.signingAlg;
    const fresh = [await this.keySet.generate(alg), await this.keySet.generate(alg)];
    let [from, endedSessions] = [0, 0];
    const issued = await this.keySet.change(
      async (keys, { stopSigning, ...rest }) => {
        const now = await stopSigning();
        const context = { ...rest, stopSigning, now };
        const { tx } = context;
        from = context.epoch;
        const open = await openRotation(tx);
        if (open) await endRotation(context, open, 'aborted');
        endedSessions = (await tx.update(Session, { endedAt: IsNull() }, { endedAt: now })).affected ?? 0;
        await renumberAfterRestore(tx, witness.revocations.to);
        await beginRotation(context, fresh[0]!.kid, 'emergency');
        return recoveredKeys(keys, { witness, fresh, now });
      },
      { recover: true },
    );
    const recovery = { epoch: issued!.epoch, from, after: witness.epoch, endedSessions };
    securityEvent('recovered', recovery);
    return recovery;
  }

  /** Seals every private half under the key-encryption key that seals now, and returns how many that were. */
  async reseal(): Promise<number> {
    let count = 0;
    await this.keySet.change(async (keys, { stopSigning }) => {
      await stopSigning();
      const resealed = keys.map((key) => this.keySet.reseal(key));
      count = resealed.filter((key, index) => key !== keys[index]).length;
      return count > 0 ? resealed : undefined;
    });
    return count;
  }
}
