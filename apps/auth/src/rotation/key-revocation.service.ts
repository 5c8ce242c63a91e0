/**
 * Revokes a key in one transaction. If the key is active, the transaction waits for the tokens that are being signed.
 * It waits for nothing else. Any replica can do what follows: make a new standby, and activate it if no key is active.
 */
import { Inject, Injectable, Logger } from '@nestjs/common';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { KeySetService } from '../key-set/key-set.service.js';
import { countRevokedKeys, isHistory } from '../key-set/key-history.js';
import { activeKey, prepare, revoke, standbyKey, type RevocationCause } from '../keys/key-life-cycle.js';
import { AcknowledgementsService } from '../verifiers/acknowledgements.service.js';
import { KeySupplyService } from './key-supply.service.js';
import { beginEmergencyIfNeeded, endIfNotPrepared, openRotation } from './open-rotation.js';
import { EMERGENCY_WAIT_MS } from './rotation-decision.js';
import { RotationService } from './rotation.service.js';

const ANSWER_WITHIN_MS = 1_000;
const POLL_MS = 100;

export interface RevocationResult {
  readonly kid: string;
  readonly epoch: number;
  /** The active key. Null while verifiers still learn a new key. */
  readonly activeKid: string | null;
  readonly waitedMs: number;
  /** The counted verifiers that have not acknowledged in time. */
  readonly silent: readonly string[];
  /** Whether the list of verifiers is complete. If not, an empty `silent` proves nothing. */
  readonly complete: boolean;
}

@Injectable()
export class KeyRevocationService {
  private readonly log = new Logger('keys');

  constructor(
    private readonly keySet: KeySetService,
    private readonly rotations: RotationService,
    private readonly supply: KeySupplyService,
    private readonly acknowledgements: AcknowledgementsService,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Revokes a key and waits up to 1 s for acknowledgements. If the key was active, the standby becomes active in the
   * same transaction. If the standby was revoked, too, a new key is made after the commit. It becomes active when every
   * counted verifier has acknowledged it, or after 1 s. No key is generated before the commit: the spare becomes the
   * next standby.
   *
   * @throws AuthError `key_not_found` · `key_not_revocable`
   */
  async revoke(
    kid: string,
    { reason, note, includeStandby }: RevocationCause & { includeStandby: boolean },
  ): Promise<RevocationResult> {
    const startedAt = performance.now();
    const { statement, answer: alg } = await this.keySet.change(async (keys, context) => {
      if (!keys.some((key) => key.kid === kid))
        throw new AuthError((await isHistory(context.tx, kid)) ? 'key_not_revocable' : 'key_not_found');
      const isActive = activeKey(keys)?.kid === kid;
      const [now, revocations, open] = await Promise.all([
        isActive ? context.stopSigning() : context.now,
        countRevokedKeys(context.tx),
        openRotation(context.tx),
      ]);
      const revoked = revoke(keys, kid, { now, reason, note, includeStandby });
      // The next standby has the algorithm of the active key, or of the key that was active.
      const nextAlg = (activeKey(revoked) ?? activeKey(keys))?.alg ?? this.settings.signingAlg;
      // An attacker who stole the whole key store may have the spare, too.
      const isSpareWanted = !includeStandby && !standbyKey(revoked, nextAlg);
      const spare = isSpareWanted ? this.supply.spare.take(nextAlg, revocations) : undefined;
      const after = spare ? prepare(revoked, spare, now) : revoked;
      await endIfNotPrepared({ ...context, now }, open, after);
      await beginEmergencyIfNeeded({ ...context, now }, after);
      return { keys: after, answer: nextAlg };
    });
    const { epoch } = statement!;
    this.log.warn(`key ${kid} is revoked in epoch ${epoch} (${reason})${note === null ? '' : `: ${note}`}`);
    if (!standbyKey(await this.keySet.publishedKeys(), alg)) await this.supply.makeStandby(alg);
    // If an emergency rotation is needed, it has begun by now.
    const begunAt = performance.now();
    const isSilent = () => this.acknowledgements.lackingEpoch(epoch).length > 0;
    while (isSilent() && performance.now() - startedAt < ANSWER_WITHIN_MS)
      await this.acknowledgements.waitForNext(POLL_MS);
    const waitedMs = Math.round(performance.now() - startedAt);
    return {
      kid,
      epoch,
      activeKid: await this.untilActive(begunAt + 2 * EMERGENCY_WAIT_MS),
      waitedMs,
      silent: this.acknowledgements.lackingEpoch(epoch),
      complete: this.acknowledgements.isComplete(),
    };
  }

  /**
   * Continues an emergency rotation until a key is active, or until the deadline (in ms of `performance.now()`).
   * Returns the active kid.
   */
  private async untilActive(deadline: number): Promise<string | null> {
    for (;;) {
      const active = activeKey(await this.keySet.publishedKeys());
      if (active || performance.now() >= deadline) return active?.kid ?? null;
      await this.rotations.advance();
      await this.acknowledgements.waitForNext(POLL_MS);
    }
  }
}
