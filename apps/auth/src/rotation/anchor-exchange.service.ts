/**
 * The anchor exchange: auth signs statements with the next anchor as soon as every verifier pins it. auth waits for
 * each verifier that acknowledged within the life of a statement. It stops waiting for a verifier that pins the next
 * anchor, says goodbye, or is dropped by an operator.
 */
import { Injectable, Logger } from '@nestjs/common';
import { onlyChanges } from '#trust';
import { SERVICE } from '../config.js';
import { AuthError } from '../errors.js';
import { KeySetService } from '../key-set/key-set.service.js';
import { NewestStatement } from '../key-set/newest-statement.js';
import type { InstanceName } from '../verifiers/acknowledgement.js';
import { AcknowledgementsService } from '../verifiers/acknowledgements.service.js';
import { anchorOf } from '../anchor/own-statement.js';
import { StatementSigners } from '../anchor/statement-signer.js';
import { exchangeWaitsFor } from './anchor-exchange.js';
import { VerifierPinsService, type VerifierPins } from '../verifiers/verifier-pins.service.js';

/** The greatest number of names in one log line. */
const NAMES_IN_LOG = 10;

export interface Anchors {
  /** The kid of the anchor that signs. Null before the first statement. */
  readonly current: string | null;
  /** The kid of the next anchor. Null if auth holds none. */
  readonly next: string | null;
  readonly verifiers: readonly VerifierPins[];
}

@Injectable()
export class AnchorExchangeService {
  private readonly log = new Logger('anchor');
  private readonly tell = onlyChanges<string>((message) => {
    if (message !== undefined) this.log.log(message);
  });

  constructor(
    private readonly keySet: KeySetService,
    private readonly newest: NewestStatement,
    private readonly signers: StatementSigners,
    private readonly acknowledgements: AcknowledgementsService,
    private readonly pins: VerifierPinsService,
  ) {}

  /** Saves the pins that verifiers named, and switches to the next anchor if the exchange waits for nothing. */
  async advance(): Promise<void> {
    await this.pins.save();
    const exchange = await this.waiting();
    if (exchange?.waitingFor.length === 0) await this.switchTo(exchange.next);
    else
      this.tell(
        exchange ? `the next anchor ${exchange.next} waits for ${shortened(exchange.waitingFor)}` : undefined,
      );
  }

  /** The next anchor and what it waits for. Null if auth holds no next anchor. */
  async waiting(): Promise<{ next: string; waitingFor: string[] } | null> {
    const next = this.nextAnchor();
    if (next === undefined) return null;
    const waitingFor = exchangeWaitsFor({
      next,
      self: SERVICE,
      remembered: await this.pins.list(),
      lackingNow: this.acknowledgements.lackingPin(next),
      isComplete: this.acknowledgements.isComplete(),
    });
    return { next, waitingFor };
  }

  /** The anchors, and the pins of every verifier that auth remembers. */
  async list(): Promise<Anchors> {
    const { current } = this.newest;
    return {
      current: current ? anchorOf(current.jws) : null,
      next: this.nextAnchor() ?? null,
      verifiers: await this.pins.list(),
    };
  }

  /**
   * Forgets a verifier that vanished. If it acknowledges again, the exchange waits for it again.
   *
   * @throws AuthError `verifier_not_found`
   */
  async drop(name: InstanceName): Promise<void> {
    if (!(await this.pins.drop(name))) throw new AuthError('verifier_not_found');
  }

  /**
   * Switches to the next anchor without waiting, and returns its kid. A verifier that does not pin it answers 503 after
   * its statement has expired, until it gets the pin.
   *
   * @throws AuthError `no_anchor_exchange`
   */
  async proceed(): Promise<string> {
    const next = this.nextAnchor();
    if (next === undefined) throw new AuthError('no_anchor_exchange');
    await this.switchTo(next);
    return next;
  }

  /** The kid of the anchor that follows the one that signs now, if auth holds one. */
  private nextAnchor(): string | undefined {
    const { current } = this.newest;
    return current && this.signers.anchorAfter(anchorOf(current.jws));
  }

  /** Issues the first statement that the next anchor signs. */
  private async switchTo(next: string): Promise<void> {
    await this.keySet.change((keys) => ({ keys, answer: undefined }), { anchor: next });
  }
}

function shortened(names: readonly string[]): string {
  const rest = names.length - NAMES_IN_LOG;
  return names.slice(0, NAMES_IN_LOG).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
