/**
 * Rotation, acknowledged: a key becomes active when every counted verifier holds it, or when the last statement that
 * lacked it has expired, because whoever still lacks it answers 503 by then. No deadlock, and no 401 that is wrong.
 * The rotation is a row: a crash at any step is carried on by the next round of any replica.
 */
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AlgorithmName } from '#jws';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import {
  activate,
  activeKey,
  isFull,
  prepare,
  standbyKey,
  type KeySet,
  type KeyRecord,
  type NewKey,
} from '../keys/key-life-cycle.js';
import { KeySetService } from '../key-set/key-set.service.js';
import { AcknowledgementsService } from '../verifiers/acknowledgements.service.js';
import { decideRotation, dueStandby, jwksCachedUntil, type RotationDecision } from './rotation-decision.js';
import { beginEmergency, beginRotation, endRotation, openRotation } from './open-rotation.js';
import { Rotation } from './rotation.entity.js';

const ANSWER_WITHIN_MS = 10_000;
const POLL_MS = 100;

/** What a rotation waits for. */
export interface Waiting {
  readonly rotationId: string;
  readonly kid: string;
  readonly since: Date;
  /** Verifiers by name, and `jwks-cache` for third parties. */
  readonly waitingFor: readonly string[];
  /** Until then third parties with a cached JWKS may refuse tokens of the key; null if there is no such key. */
  readonly jwksCachedUntil: Date | null;
}

export type RotationResult =
  | {
      readonly done: true;
      readonly kid: string;
      readonly alg: AlgorithmName;
      readonly epoch: number;
      readonly waitedMs: number;
      /** Until then third parties with a cached JWKS may refuse tokens of the key. */
      readonly jwksCachedUntil: Date;
    }
  | ({ readonly done: false } & Waiting);

@Injectable()
export class RotationService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly keySet: KeySetService,
    private readonly acknowledgements: AcknowledgementsService,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Makes another key the active one, of the same algorithm or another, and waits up to 10 s for it. With
   * `waitForThirdParties` the key signs only once no cached JWKS lacks it.
   *
   * @throws AuthError `rotation_in_progress` · `rotation_aborted` · `too_many_keys`
   */
  async rotate(
    alg?: AlgorithmName,
    { waitForThirdParties = false }: { waitForThirdParties?: boolean | undefined } = {},
  ): Promise<RotationResult> {
    const startedAt = performance.now();
    const before = await this.keySet.list();
    const wanted = alg ?? activeKey(before)?.alg ?? this.settings.signingAlg;
    // It may be needed even if there is a standby: another replica may rotate to that one first.
    const spare = await this.keySet.generate(wanted);
    let rotation: Rotation | undefined;
    await this.keySet.change(async (keys, context) => {
      const { tx, now } = context;
      if (await openRotation(tx)) throw new AuthError('rotation_in_progress');
      const standby = standbyKey(keys, wanted);
      const after = standby ? keys : prepare(keys, spare, now);
      const { kid } = standby ?? spare;
      // Where nothing signs, no good token is waited for.
      const cause = activeKey(keys) ? 'requested' : 'emergency';
      const waitsForJwks = waitForThirdParties && cause === 'requested';
      rotation = await beginRotation(context, kid, cause, { waitsForJwks });
      return after === keys ? undefined : after;
    });
    const { id, kid } = rotation!;
    const next = kid === spare.kid ? undefined : spare;
    while (!(await this.advance({ spare: next })).ended && performance.now() - startedAt < ANSWER_WITHIN_MS) {
      await this.acknowledgements.news(POLL_MS);
    }
    return this.resultOf(id, Math.round(performance.now() - startedAt));
  }

  /** One round of every replica: learns what the others have heard, begins a rotation that is due, carries it on. */
  async carryOn(): Promise<void> {
    await this.acknowledgements.load();
    await this.rotateWhenDue();
    await this.advance();
  }

  /** Begins a rotation when it is time for the scheduled one. */
  private async rotateWhenDue(): Promise<void> {
    if (!dueStandby(await this.keySet.list(), new Date(), this.settings)) return;
    await this.keySet.change(async (keys, context) => {
      const { tx, now } = context;
      // Another replica may have begun, or even ended it.
      const standby = (await openRotation(tx)) ? undefined : dueStandby(keys, now, this.settings);
      if (standby) await beginRotation(context, standby.kid, 'scheduled');
      return undefined;
    });
  }

  /** Begins an emergency rotation where nothing signs and none is open, as after one that was called off. */
  async replaceMissing(): Promise<void> {
    await this.keySet.change(async (keys, context) => {
      await beginEmergency(context, keys);
      return undefined;
    });
  }

  /** Makes a standby of the algorithm, and begins an emergency rotation to it where nothing signs. */
  async makeStandby(alg: AlgorithmName): Promise<void> {
    const fresh = await this.keySet.generate(alg);
    await this.keySet.change(async (keys, context) => {
      // Another replica may have been first.
      const after = standbyKey(keys, alg) ? keys : prepare(keys, fresh, context.now);
      await beginEmergency(context, after);
      return after === keys ? undefined : after;
    });
  }

  /** The open rotation and whom it waits for, if there is one. */
  async current(): Promise<Waiting | undefined> {
    const rotation = await openRotation(this.dataSource.manager);
    return rotation ? this.waiting(rotation, await this.keySet.list()) : undefined;
  }

  /** Until when third parties with a cached JWKS may refuse tokens of the key. */
  jwksCachedUntil(key: KeyRecord): Date {
    return jwksCachedUntil(key, this.settings.jwksMaxAgeSeconds);
  }

  /**
   * Takes the open rotation a step further if it may go; `ended` if none is open (any more).
   *
   * @param spare stands by from the moment on that the key of the rotation is active
   */
  async advance({ force = false, spare }: { force?: boolean; spare?: NewKey | undefined } = {}): Promise<{
    ended: boolean;
  }> {
    const { manager } = this.dataSource;
    const rotation = await openRotation(manager);
    if (!rotation) return { ended: true };
    // No lock is taken for nothing: other changes of the key set would wait for it.
    const [clock] = await manager.query<{ now: Date }[]>('SELECT clock_timestamp() AS now');
    if (!force && this.decide(rotation, await this.keySet.list(), clock!.now) === 'wait')
      return { ended: false };
    let ended = false;
    await this.keySet.change(async (keys, context) => {
      const { tx, now, stopSigning, tell } = context;
      const open = await openRotation(tx);
      if (open?.id !== rotation.id) return undefined;
      const { kid } = open;
      const decision = this.decide(open, keys, now);
      if (decision === 'wait' && !force) return undefined;
      if (decision === 'wait') {
        const { waitingFor } = this.waiting(open, keys);
        tell('rotation.proceeded', { rotation: open.id, kid, waitingFor });
      }
      await endRotation(context, open, decision === 'aborted' ? 'aborted' : 'activated');
      ended = true;
      if (decision === 'aborted' || decision === 'activated') return undefined;
      const activatedAt = await stopSigning();
      const verifyUntil = this.keySet.verifyUntil(activatedAt);
      const after = activate(keys, kid, { now: activatedAt, verifyUntil, destroy: this.keySet.destroy });
      return !spare || standbyKey(after, spare.alg) || isFull(after) ? after : prepare(after, spare, now);
    });
    return { ended };
  }

  /** Goes on without those that are waited for. @throws AuthError `no_rotation` */
  async proceed(): Promise<RotationResult> {
    const current = await this.current();
    if (!current) throw new AuthError('no_rotation');
    await this.advance({ force: true });
    return this.resultOf(current.rotationId, 0);
  }

  /** Calls the open rotation off; its key stays prepared. @throws AuthError `no_rotation` */
  async abort(): Promise<void> {
    await this.keySet.change(async (_keys, context) => {
      const open = await openRotation(context.tx);
      if (!open) throw new AuthError('no_rotation');
      await endRotation(context, open, 'aborted');
      return undefined;
    });
  }

  private decide(rotation: Rotation, keys: KeySet, now: Date): RotationDecision {
    return decideRotation({
      rotation,
      keys,
      now,
      statementSeconds: this.settings.statementSeconds,
      jwksMaxAgeSeconds: this.settings.jwksMaxAgeSeconds,
      isComplete: this.acknowledgements.isComplete(),
      lacking: this.acknowledgements.lackingKey(rotation.kid),
    });
  }

  private waiting(rotation: Rotation, keys: KeySet): Waiting {
    const { id: rotationId, kid, requestedAt: since, waitsForJwks } = rotation;
    // A key that somebody else has written into the table is not there.
    const key = keys.find((candidate) => candidate.kid === kid);
    const cachedUntil = key ? this.jwksCachedUntil(key) : null;
    const waitingFor = this.acknowledgements.lackingKey(kid);
    if (!this.acknowledgements.isComplete()) waitingFor.push('verifiers not heard of yet');
    if (waitsForJwks && cachedUntil && new Date() < cachedUntil) waitingFor.push('jwks-cache');
    return { rotationId, kid, since, waitingFor, jwksCachedUntil: cachedUntil };
  }

  private async resultOf(rotationId: string, waitedMs: number): Promise<RotationResult> {
    const rotation = await this.dataSource.manager.findOneByOrFail(Rotation, { id: rotationId });
    const { kid, outcome } = rotation;
    if (outcome === 'aborted') throw new AuthError('rotation_aborted');
    const keys = await this.keySet.list();
    if (outcome === null) return { done: false, ...this.waiting(rotation, keys) };
    const key = keys.find((candidate) => candidate.kid === kid)!;
    // Another replica may have activated it, with an epoch that we do not know yet.
    await this.keySet.refresh();
    const { epoch } = this.keySet.current!;
    return { done: true, kid, alg: key.alg, epoch, waitedMs, jwksCachedUntil: this.jwksCachedUntil(key) };
  }
}
