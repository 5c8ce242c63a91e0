import type { AlgorithmName } from '#jws';
import type { NewKey } from '../keys/key-life-cycle.js';

/**
 * Holds the spare: a key that is made ahead, so that a key revocation does not have to generate one before its commit.
 * It is in memory only, so it is not stolen with the key store. After every key revocation the spare is replaced,
 * because it may be stolen together with the revoked key.
 */
export class SpareKey {
  private held: { readonly key: NewKey; readonly revocations: number } | undefined;

  constructor(private readonly generate: (alg: AlgorithmName) => Promise<NewKey>) {}

  /**
   * Makes a spare with this algorithm, unless {@link take} would already return one.
   *
   * @param revocations how many keys were revoked until now
   */
  async stock(alg: AlgorithmName, revocations: number): Promise<void> {
    if (this.held?.key.alg === alg && this.held.revocations === revocations) return;
    this.held = { key: await this.generate(alg), revocations };
  }

  /** Returns and forgets the spare. Undefined if it has another algorithm, or a key was revoked since it was made. */
  take(alg: AlgorithmName, revocations: number): NewKey | undefined {
    const { held } = this;
    this.held = undefined;
    return held?.key.alg === alg && held.revocations === revocations ? held.key : undefined;
  }
}
