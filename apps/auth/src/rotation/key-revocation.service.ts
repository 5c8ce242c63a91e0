/**
 * Revoking a key: one transaction that waits for nobody but for tokens that are being signed with that key. What comes
 * after it (a fresh standby, acknowledgements, a fresh key where nothing signs) is carried on by any replica.
 */
import { Inject, Injectable, Logger } from '@nestjs/common';
import { SETTINGS, type AuthSettings } from '../config.js';
import { activeKey, prepare, revoke, standbyKey, type RevocationCause } from '../keys/key-life-cycle.js';
import { KeySetService } from '../key-set/key-set.service.js';
import { SpareKey } from './spare-key.js';
import { AcknowledgementsService } from '../verifiers/acknowledgements.service.js';
import { beginEmergency, closeIfPointless } from './open-rotation.js';
import { EMERGENCY_WAIT_MS } from './rotation-decision.js';
import { RotationService } from './rotation.service.js';

const ANSWER_WITHIN_MS = 1_000;
const POLL_MS = 100;

export interface RevocationResult {
  readonly kid: string;
  readonly epoch: number;
  /** The key that signs now; null while a fresh one is being made known. */
  readonly activeKid: string | null;
  readonly waitedMs: number;
  /** Counted verifiers that had not acknowledged in time. */
  readonly silent: readonly string[];
  /** False while auth cannot know who verifies: NATS is away, or has just come back. Nobody is silent then by default. */
  readonly complete: boolean;
}

@Injectable()
export class KeyRevocationService {
  private readonly log = new Logger('keys');

  constructor(
    private readonly keySet: KeySetService,
    private readonly rotations: RotationService,
    private readonly acknowledgements: AcknowledgementsService,
    private readonly spare: SpareKey,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Revokes a key in one transaction and waits up to 1 s for acknowledgements. If it was active, the standby is
   * active from the same moment; if that was revoked too, a fresh key is made after the commit, and signs once
   * acknowledged or after 1 s. Nothing is generated before the commit: the next standby was made ahead.
   *
   * @throws AuthError `key_not_found` · `key_not_revocable`
   */
  async revoke(
    kid: string,
    { reason, note, includeStandby }: RevocationCause & { includeStandby: boolean },
  ): Promise<RevocationResult> {
    const startedAt = performance.now();
    let alg = this.settings.signingAlg;
    const issued = await this.keySet.change(async (keys, { now: begunAt, ...rest }) => {
      const now = activeKey(keys)?.kid === kid ? await rest.stopSigning() : begunAt;
      const context = { ...rest, now };
      const after = revoke(keys, kid, { now, reason, note, includeStandby });
      // The next standby is of the algorithm that signs now, or signed last.
      alg = (activeKey(after) ?? activeKey(keys))?.alg ?? alg;
      // Who may have the whole key store may have the spare too.
      const spare = includeStandby || standbyKey(after, alg) ? undefined : this.spare.take(alg, keys);
      const completed = spare ? prepare(after, spare, now) : after;
      await closeIfPointless(context, completed);
      await beginEmergency(context, completed);
      return completed;
    });
    const { epoch } = issued!;
    this.log.warn(`key ${kid} is revoked in epoch ${epoch} (${reason})${note === null ? '' : `: ${note}`}`);
    if (!standbyKey(await this.keySet.list(), alg)) await this.rotations.makeStandby(alg);
    // An emergency rotation has begun by now, if one is needed.
    const begunAt = performance.now();
    while (
      this.acknowledgements.lackingEpoch(epoch).length > 0 &&
      performance.now() - startedAt < ANSWER_WITHIN_MS
    ) {
      await this.acknowledgements.news(POLL_MS);
    }
    const waitedMs = Math.round(performance.now() - startedAt);
    // Only if nothing signs now; any other rotation goes its own way.
    while (!activeKey(await this.keySet.list()) && performance.now() - begunAt < 2 * EMERGENCY_WAIT_MS) {
      await this.rotations.advance();
      await this.acknowledgements.news(POLL_MS);
    }
    const active = activeKey(await this.keySet.list());
    return {
      kid,
      epoch,
      activeKid: active?.kid ?? null,
      waitedMs,
      silent: this.acknowledgements.lackingEpoch(epoch),
      complete: this.acknowledgements.isComplete(),
    };
  }
}
