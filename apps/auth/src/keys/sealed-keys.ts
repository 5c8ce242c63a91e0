/**
 * Makes signing keys and checks their seals. A seal proves that auth itself made the key. An attacker who can write the
 * table, but lacks the key-encryption key, cannot get a key published.
 */
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { AlgorithmName } from '#jws';
import { SETTINGS, type AuthSettings } from '../config.js';
import { generateKey } from './generate-key.js';
import {
  isPublished,
  NO_SEAL,
  type DestroyPrivateHalf,
  type KeyRecord,
  type NewKey,
} from './key-life-cycle.js';
import { KeySeal } from './key-seal.js';

@Injectable()
export class SealedKeys {
  private readonly log = new Logger('keys');
  /** The kids of refused keys that are in the log already. */
  private readonly logged = new Set<string>();

  constructor(
    private readonly keySeal: KeySeal,
    @Inject(SETTINGS) private readonly settings: Pick<AuthSettings, 'rsaModulusBits'>,
  ) {}

  /** Generates and seals a new key. It is in no key set until a change prepares it. */
  generate(alg: AlgorithmName): Promise<NewKey> {
    return generateKey(alg, this.settings.rsaModulusBits, this.keySeal);
  }

  /**
   * Makes the seal of a key whose private half is destroyed. A key whose seal does not open gets {@link NO_SEAL}: a
   * good seal would make the key of an attacker look like a key of auth.
   */
  readonly destroyPrivateHalf: DestroyPrivateHalf = (key) =>
    this.opens(key) ? this.keySeal.seal(key, null) : NO_SEAL;

  /** Seals a published key under the first key-encryption key. Returns the same object if it is already sealed so. */
  reseal(key: KeyRecord): KeyRecord {
    if (!isPublished(key) || this.keySeal.isCurrent(key.seal)) return key;
    return { ...key, seal: this.keySeal.seal(key, this.keySeal.open(key)) };
  }

  /**
   * Whether a row counts as a key of auth. A prepared key whose seal does not open does not count: an attacker wrote
   * it. A key in any other state counts, so that it can be revoked.
   */
  readonly belongs = (key: KeyRecord): boolean => key.status !== 'prepared' || this.mayPublish(key);

  /** Whether a key may be in a statement: its seal opens, and holds the private half unless the key is retiring. */
  readonly mayPublish = (key: KeyRecord): boolean => {
    if (!isPublished(key)) return true;
    try {
      if (this.keySeal.holdsPrivateHalf(key) || key.status === 'retiring') return true;
      throw new Error('its seal holds no private half');
    } catch (error) {
      if (!this.logged.has(key.kid))
        this.log.error(`key ${key.kid} is not published: ${(error as Error).message}`);
      this.logged.add(key.kid);
      return false;
    }
  };

  private opens(key: NewKey): boolean {
    try {
      this.keySeal.holdsPrivateHalf(key);
      return true;
    } catch {
      return false;
    }
  }
}
