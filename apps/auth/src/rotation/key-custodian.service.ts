import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { securityEvent } from '#service-kit';
import { onlyChanges, shareRuns } from '#trust';
import { KeySetService } from '../key-set/key-set.service.js';
import { AnchorExchangeService } from './anchor-exchange.service.js';
import { KeySupplyService } from './key-supply.service.js';
import { RotationService } from './rotation.service.js';

const ROUND_MS = 1_000;

/**
 * Keeps the key set as it should be, on every replica, once a second. A round takes the statements of other replicas,
 * issues a new one when the last has grown old, carries an open rotation on, and makes the keys that are missing. Each
 * round starts from the database, so it does not matter where the last one ended.
 */
@Injectable()
export class KeyCustodianService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('keys');
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly keySet: KeySetService,
    private readonly rotations: RotationService,
    private readonly anchors: AnchorExchangeService,
    private readonly supply: KeySupplyService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.tick();
    this.timer = setInterval(() => void this.tick(), ROUND_MS);
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.tick.settled();
  }

  /** One round, one at a time. Never rejects: the next round tries again. */
  readonly tick = shareRuns(() =>
    this.round().then(
      () => this.report(undefined),
      (error: Error) => this.report(error.message),
    ),
  );

  private async round(): Promise<void> {
    // First, so that a fault further down does not stop the heartbeat.
    await this.keySet.renewStatement();
    await this.rotations.runRound();
    await this.anchors.advance();
    await this.supply.makeMissingKeys();
  }

  private readonly report = onlyChanges<string>((fault) => {
    if (fault) this.log.error(`the key set cannot be kept: ${fault}`);
    else securityEvent('keyset.kept_again', {});
  });
}
