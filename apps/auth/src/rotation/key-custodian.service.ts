import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { securityEvent } from '#service-kit';
import { onlyChanges, shareRuns } from '#trust';
import { KeySetService } from '../key-set/key-set.service.js';
import { AnchorExchangeService } from './anchor-exchange.service.js';
import { KeySupplyService } from './key-supply.service.js';
import { RotationService } from './rotation.service.js';

const ROUND_MS = 1_000;

/**
 * Looks after the key set once a second, on every replica. A round adopts the statements of other replicas, issues a
 * new statement if the last one is too old, continues an open rotation and an anchor exchange, and makes the keys that
 * are missing. Each round starts from the database, so an interrupted round does no harm.
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

  /** Runs one round. Two rounds never run at the same time. Never rejects: the next round tries again. */
  readonly tick = shareRuns(() =>
    this.round().then(
      () => this.report(undefined),
      (error: Error) => this.report(error.message),
    ),
  );

  private async round(): Promise<void> {
    // This goes first, so that a fault in the other steps does not stop the heartbeat.
    await this.keySet.renewStatement();
    await this.rotations.runRound();
    await this.anchors.advance();
    await this.supply.makeMissingKeys();
  }

  private readonly report = onlyChanges<string>((fault) => {
    if (fault) this.log.error(`the key set cannot be kept up to date: ${fault}`);
    else securityEvent('keyset.kept_again', {});
  });
}
