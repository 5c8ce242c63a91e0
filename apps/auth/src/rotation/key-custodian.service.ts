import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import type { AlgorithmName } from '#jws';
import { securityEvent } from '#service-kit';
import { AnchorExchangeService } from './anchor-exchange.service.js';
import { SETTINGS, type AuthSettings } from '../config.js';
import { RotationService } from './rotation.service.js';
import { AuthError } from '../errors.js';
import { activate, activeKey, isFull, prepare, standbyKey, type KeySet } from '../keys/key-life-cycle.js';
import { KeySetService, type ChangeStep } from '../key-set/key-set.service.js';
import { SpareKey } from './spare-key.js';

const ROUND_MS = 1_000;

/**
 * Keeps the key set as it should be, on every replica, once a second: takes up what others did, makes the first key
 * and the missing standby, carries an open rotation on, and issues the statement anew when it grows old. Each round
 * starts from the database, so it does not matter where the last one ended.
 */
@Injectable()
export class KeyCustodianService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('keys');
  private timer: NodeJS.Timeout | undefined;
  private underway: Promise<void> | undefined;
  private fault: string | undefined;

  constructor(
    private readonly keySet: KeySetService,
    private readonly rotations: RotationService,
    private readonly spare: SpareKey,
    private readonly anchors: AnchorExchangeService,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.tick();
    this.timer = setInterval(() => void this.tick(), ROUND_MS);
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.underway;
  }

  /** One round, shared by all who ask for it while it is under way. Never rejects: the next round tries again. */
  tick(): Promise<void> {
    this.underway ??= this.round()
      .then(() => this.report(undefined))
      .catch((error: Error) => this.report(error.message))
      .finally(() => (this.underway = undefined));
    return this.underway;
  }

  private async round(): Promise<void> {
    const age = await this.keySet.refresh();
    // First, so that nothing that fails below ends the heartbeat. By absolute value: the database's clock may go back.
    if (Math.abs(age) >= this.settings.statementIntervalSeconds) await this.keySet.change(this.reissue);
    await this.rotations.carryOn();
    await this.anchors.advance();
    await this.completeKeys(await this.keySet.list());
  }

  /** Makes the first key, a standby of the active key's algorithm, and the spare in memory. */
  private async completeKeys(keys: KeySet): Promise<void> {
    const active = activeKey(keys);
    const alg = active?.alg ?? this.settings.signingAlg;
    if (keys.length === 0) await this.makeFirstKeys(alg);
    else if (!active && standbyKey(keys)) await this.rotations.replaceMissing();
    else if (!active || !standbyKey(keys, alg)) {
      if (isFull(keys)) throw new AuthError('too_many_keys');
      await this.rotations.makeStandby(alg);
    }
    await this.spare.stock(alg, keys);
  }

  /** Where no key was ever active there is no token yet and no one to wait for. */
  private async makeFirstKeys(alg: AlgorithmName): Promise<void> {
    const [first, second] = await Promise.all([this.keySet.generate(alg), this.keySet.generate(alg)]);
    await this.keySet.change(async (present, { now, stopSigning }) => {
      // Another replica may have been first.
      if (present.length > 0) return undefined;
      await stopSigning();
      const options = { now, verifyUntil: now, destroy: this.keySet.destroy };
      return prepare(activate(prepare([], first, now), first.kid, options), second, now);
    });
  }

  private readonly reissue: ChangeStep = (keys, { now, issuedAt }) => {
    const age = issuedAt ? Math.abs(now.getTime() - issuedAt.getTime()) : Infinity;
    // Before the first key there is nothing to state.
    return age >= this.settings.statementIntervalSeconds * 1000 && keys.length > 0 ? keys : undefined;
  };

  private report(fault: string | undefined): void {
    if (fault === this.fault) return;
    this.fault = fault;
    if (fault) this.log.error(`the key set cannot be kept: ${fault}`);
    else securityEvent('keyset.kept_again', {});
  }
}
