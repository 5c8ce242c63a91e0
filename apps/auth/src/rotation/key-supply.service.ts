/**
 * Sees to it that there is a key that signs and one that stands by. Keys are generated before the transaction that needs
 * them: nobody waits for a prime number under the lock of the key set.
 */
import { Inject, Injectable } from '@nestjs/common';
import type { AlgorithmName } from '#jws';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { KeySetService } from '../key-set/key-set.service.js';
import { activate, activeKey, isFull, prepare, standbyKey } from '../keys/key-life-cycle.js';
import { SealedKeys } from '../keys/sealed-keys.js';
import { beginEmergencyIfNeeded } from './open-rotation.js';
import { SpareKey } from './spare-key.js';

@Injectable()
export class KeySupplyService {
  /** What an emergency takes, so that nothing is generated between the operator and the commit. */
  readonly spare = new SpareKey((alg) => this.sealedKeys.generate(alg));

  constructor(
    private readonly keySet: KeySetService,
    private readonly sealedKeys: SealedKeys,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Makes what is missing: the first keys, a standby of the active key's algorithm, and the spare in memory. Where nothing
   * signs, begins an emergency rotation to the standby.
   *
   * @throws AuthError `too_many_keys`
   */
  async makeMissingKeys(): Promise<void> {
    const keys = await this.keySet.allKeys();
    const active = activeKey(keys);
    const alg = active?.alg ?? this.settings.signingAlg;
    if (keys.length === 0) await this.makeFirstKeys(alg);
    else if (!active && standbyKey(keys)) await this.rotateToStandby();
    else if (!active || !standbyKey(keys, alg)) {
      if (isFull(keys)) throw new AuthError('too_many_keys');
      await this.makeStandby(alg);
    }
    await this.spare.stock(alg, keys);
  }

  /** Prepares a standby of the algorithm, and begins an emergency rotation to it where nothing signs. */
  async makeStandby(alg: AlgorithmName): Promise<void> {
    const generated = await this.sealedKeys.generate(alg);
    await this.keySet.change(async (keys, context) => {
      // Another replica may have been first.
      const prepared = standbyKey(keys, alg) ? undefined : prepare(keys, generated, context.now);
      await beginEmergencyIfNeeded(context, prepared ?? keys);
      return { keys: prepared, answer: undefined };
    });
  }

  /** Where no key was ever active there is no token yet, and no verifier to wait for. */
  private async makeFirstKeys(alg: AlgorithmName): Promise<void> {
    const [first, second] = await Promise.all([this.sealedKeys.generate(alg), this.sealedKeys.generate(alg)]);
    await this.keySet.change(async (present, { now, stopSigning }) => {
      // Another replica may have been first.
      if (present.length > 0) return { answer: undefined };
      await stopSigning();
      const options = { now, verifyUntil: now, destroy: this.sealedKeys.destroyPrivateHalf };
      const active = activate(prepare([], first, now), first.kid, options);
      return { keys: prepare(active, second, now), answer: undefined };
    });
  }

  /** Begins an emergency rotation where nothing signs and no rotation is open, as after one that was called off. */
  private async rotateToStandby(): Promise<void> {
    await this.keySet.change(async (keys, context) => {
      await beginEmergencyIfNeeded(context, keys);
      return { answer: undefined };
    });
  }
}
