import type { AlgorithmName } from '#jws';
import type { KeyRecords, NewKey } from '../keys/key-life-cycle.js';

/**
 * A key that is made ahead, so that nothing is generated between an operator who revokes a key and the commit. It is
 * kept in memory only: whoever steals the key store does not find it there. After any revocation it is made anew,
 * because it may be stolen together with what was revoked.
 */
export class SpareKey {
  private held: { readonly key: NewKey; readonly revocations: number } | undefined;

  constructor(private readonly generate: (alg: AlgorithmName) => Promise<NewKey>) {}

  /** Makes the spare of an algorithm unless there is one that {@link take} would give. */
  async stock(alg: AlgorithmName, keys: KeyRecords): Promise<void> {
    const revocations = revocationsOf(keys);
    if (this.held?.key.alg === alg && this.held.revocations === revocations) return;
    this.held = { key: await this.generate(alg), revocations };
  }

  /** Gives the spare away if it is of the algorithm and no key was revoked since it was made. */
  take(alg: AlgorithmName, keys: KeyRecords): NewKey | undefined {
    const { held } = this;
    this.held = undefined;
    return held?.key.alg === alg && held.revocations === revocationsOf(keys) ? held.key : undefined;
  }
}

/** History is never deleted, so this only grows. */
const revocationsOf = (keys: KeyRecords): number => keys.filter(({ status }) => status === 'revoked').length;
