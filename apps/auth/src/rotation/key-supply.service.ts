/**
 * Makes missing keys, so that there is always an active key and a standby. A key is generated before the transaction
 * that needs it. So no transaction waits for prime numbers while it locks the key set.
 */
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AlgorithmName } from '#jws';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { KeySetService } from '../key-set/key-set.service.js';
import { countRevokedKeys, hasHistory } from '../key-set/key-history.js';
import { activate, activeKey, isFull, prepare, standbyKey } from '../keys/key-life-cycle.js';
import { SealedKeys } from '../keys/sealed-keys.js';
import { beginEmergencyIfNeeded } from './open-rotation.js';
import { SpareKey } from './spare-key.js';

@Injectable()
export class KeySupplyService {
  /** The spare becomes the next standby after a key revocation. So nothing is generated before that commit. */
  readonly spare = new SpareKey((alg) => this.sealedKeys.generate(alg));

  constructor(
    private readonly dataSource: DataSource,
    private readonly keySet: KeySetService,
    private readonly sealedKeys: SealedKeys,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Makes the keys that are missing: the first keys, a standby with the algorithm of the active key, and the spare. If
   * no key is active, begins an emergency rotation to the standby.
   *
   * @throws AuthError `too_many_keys`
   */
  async makeMissingKeys(): Promise<void> {
    const { manager } = this.dataSource;
    // Counted first: the spare must not seem younger than a revocation.
    const revocations = await countRevokedKeys(manager);
    const keys = await this.keySet.publishedKeys();
    const active = activeKey(keys);
    const alg = active?.alg ?? this.settings.signingAlg;
    if (keys.length === 0 && !(await hasHistory(manager))) await this.makeFirstKeys(alg);
    else if (!active && standbyKey(keys)) await this.rotateToStandby();
    else if (!active || !standbyKey(keys, alg)) {
      if (isFull(keys)) throw new AuthError('too_many_keys');
      await this.makeStandby(alg);
    }
    await this.spare.stock(alg, revocations);
  }

  /** Prepares a standby with this algorithm. If no key is active, begins an emergency rotation to it. */
  async makeStandby(alg: AlgorithmName): Promise<void> {
    const generated = await this.sealedKeys.generate(alg);
    await this.keySet.change(async (keys, context) => {
      // Another replica may have prepared one meanwhile.
      const prepared = standbyKey(keys, alg) ? undefined : prepare(keys, generated, context.now);
      await beginEmergencyIfNeeded(context, prepared ?? keys);
      return { keys: prepared, answer: undefined };
    });
  }

  /** Makes the first active key and the first standby at once. There is no token yet, so nothing has to wait. */
  private async makeFirstKeys(alg: AlgorithmName): Promise<void> {
    const [first, second] = await Promise.all([this.sealedKeys.generate(alg), this.sealedKeys.generate(alg)]);
    await this.keySet.change(async (present, { tx, now, stopSigning }) => {
      // Another replica may have made them meanwhile.
      if (present.length > 0 || (await hasHistory(tx))) return { answer: undefined };
      await stopSigning();
      const options = { now, verifyUntil: now, destroy: this.sealedKeys.destroyPrivateHalf };
      const active = activate(prepare([], first, now), first.kid, options);
      return { keys: prepare(active, second, now), answer: undefined };
    });
  }

  /**
   * Begins an emergency rotation if no key is active and no rotation is open, for example after an aborted rotation.
   */
  private async rotateToStandby(): Promise<void> {
    await this.keySet.change(async (keys, context) => {
      await beginEmergencyIfNeeded(context, keys);
      return { answer: undefined };
    });
  }
}
