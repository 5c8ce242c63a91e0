/**
 * Rotations with acknowledgements. A key becomes active when every counted verifier holds it, or when the last
 * statement without it has expired. A verifier that lacks it then answers 503. So a rotation always ends, and a good
 * token never gets 401. A rotation is a row in the database: after a crash at any step, any replica continues it.
 */
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AlgorithmName } from '#jws';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { KeySetState } from '../key-set/key-set-state.entity.js';
import { databaseClock, KeySetService, type ChangeContext } from '../key-set/key-set.service.js';
import {
  activate,
  activeKey,
  isFull,
  prepare,
  standbyKey,
  verifyUntil,
  type KeyRecord,
  type KeyRecords,
  type NewKey,
} from '../keys/key-life-cycle.js';
import { SealedKeys } from '../keys/sealed-keys.js';
import { SigningKey } from '../keys/signing-key.entity.js';
import { AcknowledgementsService } from '../verifiers/acknowledgements.service.js';
import { NOT_HEARD_YET } from './anchor-exchange.js';
import { beginRotation, endRotation, openRotation } from './open-rotation.js';
import { decideRotation, dueStandby, jwksCachedUntil, type RotationDecision } from './rotation-decision.js';
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
  /** Until this time third parties with a cached JWKS may refuse tokens of the key. Null if there is no such key. */
  readonly jwksCachedUntil: Date | null;
}

export type RotationResult =
  | {
      readonly done: true;
      readonly kid: string;
      readonly alg: AlgorithmName;
      readonly epoch: number;
      readonly waitedMs: number;
      /** Until this time third parties with a cached JWKS may refuse tokens of the key. */
      readonly jwksCachedUntil: Date;
    }
  | ({ readonly done: false } & Waiting);

@Injectable()
export class RotationService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly keySet: KeySetService,
    private readonly sealedKeys: SealedKeys,
    private readonly acknowledgements: AcknowledgementsService,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Begins a rotation to the standby, or to a new key, and waits up to 10 s for its end. `alg` may name another
   * algorithm. With `waitForThirdParties` the key becomes active only when no cached JWKS can lack it.
   *
   * @throws AuthError `rotation_in_progress` · `rotation_aborted` · `too_many_keys`
   */
  async rotate(
    alg?: AlgorithmName,
    { waitForThirdParties = false }: { waitForThirdParties?: boolean | undefined } = {},
  ): Promise<RotationResult> {
    const startedAt = performance.now();
    const elapsedMs = () => Math.round(performance.now() - startedAt);
    const wanted = alg ?? activeKey(await this.keySet.publishedKeys())?.alg ?? this.settings.signingAlg;
    // Generated before the lock is taken. It becomes the next standby. Without a standby, the rotation is to this key.
    const generated = await this.sealedKeys.generate(wanted);
    const { answer: rotation } = await this.keySet.change(async (keys, context) => {
      if (await openRotation(context.tx)) throw new AuthError('rotation_in_progress');
      const standby = standbyKey(keys, wanted);
      const prepared = standby ? undefined : prepare(keys, generated, context.now);
      // If no key is active, no login works. So the rotation is an emergency, and it does not wait for third parties.
      const cause = activeKey(keys) ? 'requested' : 'emergency';
      const waitsForJwks = waitForThirdParties && cause === 'requested';
      const { kid } = standby ?? generated;
      return { keys: prepared, answer: await beginRotation(context, kid, cause, { waitsForJwks }) };
    });
    const nextStandby = rotation.kid === generated.kid ? undefined : generated;
    while (!(await this.advance(nextStandby)) && elapsedMs() < ANSWER_WITHIN_MS)
      await this.acknowledgements.waitForNext(POLL_MS);
    return this.resultOf(rotation.id, elapsedMs());
  }

  /** Runs one round: loads the acknowledgements of other replicas, begins a due rotation, and continues an open one. */
  async runRound(): Promise<void> {
    await this.acknowledgements.load();
    await this.beginIfDue();
    await this.advance();
  }

  /** Begins a scheduled rotation if one is due. */
  private async beginIfDue(): Promise<void> {
    if (!dueStandby(await this.keySet.publishedKeys(), new Date(), this.settings)) return;
    await this.keySet.change(async (keys, context) => {
      // Another replica may have begun it meanwhile, or even ended it.
      const isOpen = (await openRotation(context.tx)) !== null;
      const standby = isOpen ? undefined : dueStandby(keys, context.now, this.settings);
      if (standby) await beginRotation(context, standby.kid, 'scheduled');
      return { answer: undefined };
    });
  }

  /** The open rotation and what it waits for, if there is one. */
  async current(): Promise<Waiting | undefined> {
    const rotation = await openRotation(this.dataSource.manager);
    return rotation ? this.waiting(rotation, await this.keySet.publishedKeys()) : undefined;
  }

  /** The time until which third parties with a cached JWKS may refuse tokens of the key. */
  jwksCachedUntil(key: KeyRecord): Date {
    return jwksCachedUntil(key, this.settings.jwksMaxAgeSeconds);
  }

  /**
   * Ends the open rotation if it does not have to wait any longer.
   *
   * @param nextStandby the key that is prepared in the transaction that activates the key of the rotation
   * @returns true if no rotation is open now
   */
  async advance(nextStandby?: NewKey): Promise<boolean> {
    const { manager } = this.dataSource;
    const rotation = await openRotation(manager);
    if (!rotation) return true;
    // Decided first without the lock: most calls decide to wait, and every other change waits for the lock.
    const decision = this.decide(rotation, await this.keySet.publishedKeys(), await databaseClock(manager));
    return decision !== 'wait' && this.end(rotation, { nextStandby });
  }

  /** Ends the open rotation now: activates its key without waiting. @throws AuthError `no_rotation` */
  async proceed(): Promise<RotationResult> {
    const rotation = await openRotation(this.dataSource.manager);
    if (!rotation) throw new AuthError('no_rotation');
    await this.end(rotation, { force: true });
    return this.resultOf(rotation.id, 0);
  }

  /** Aborts the open rotation. Its key stays prepared. @throws AuthError `no_rotation` */
  async abort(): Promise<void> {
    await this.keySet.change(async (_keys, context) => {
      const open = await openRotation(context.tx);
      if (!open) throw new AuthError('no_rotation');
      await endRotation(context, open, 'aborted');
      return { answer: undefined };
    });
  }

  /**
   * Decides again under the lock, and ends the rotation if it does not have to wait, or if `force` is true.
   *
   * @returns true if the rotation has ended, by this or another replica
   */
  private async end(
    rotation: Rotation,
    { force = false, nextStandby }: { force?: boolean; nextStandby?: NewKey | undefined },
  ): Promise<boolean> {
    const { answer } = await this.keySet.change<boolean>(async (keys, context) => {
      const open = await openRotation(context.tx);
      if (open?.id !== rotation.id) return { answer: true };
      const decision = this.decide(open, keys, context.now);
      if (decision === 'wait' && !force) return { answer: false };
      if (decision === 'aborted' || decision === 'activated') {
        await endRotation(context, open, decision);
        return { answer: true };
      }
      if (decision === 'wait') {
        const { waitingFor } = this.waiting(open, keys);
        context.tell('rotation.proceeded', { rotation: open.id, kid: open.kid, waitingFor });
      }
      await endRotation(context, open, 'activated');
      return { keys: await this.activated(keys, open.kid, context, nextStandby), answer: true };
    });
    return answer;
  }

  /** The keys after the key became active. The next standby is prepared if the key set has room for it. */
  private async activated(
    keys: KeyRecords,
    kid: string,
    { now, stopSigning }: ChangeContext,
    nextStandby: NewKey | undefined,
  ): Promise<KeyRecords> {
    const activatedAt = await stopSigning();
    const after = activate(keys, kid, {
      now: activatedAt,
      verifyUntil: verifyUntil(activatedAt, this.settings),
      destroy: this.sealedKeys.destroyPrivateHalf,
    });
    const isWanted = nextStandby && !standbyKey(after, nextStandby.alg) && !isFull(after);
    return isWanted ? prepare(after, nextStandby, now) : after;
  }

  private decide(rotation: Rotation, keys: KeyRecords, now: Date): RotationDecision {
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

  private waiting(rotation: Rotation, keys: KeyRecords): Waiting {
    const { id: rotationId, kid, requestedAt: since, waitsForJwks } = rotation;
    // `keys` leaves out a key that an attacker wrote into the table.
    const key = keys.find((candidate) => candidate.kid === kid);
    const cachedUntil = key ? this.jwksCachedUntil(key) : null;
    const waitingFor = this.acknowledgements.lackingKey(kid);
    if (!this.acknowledgements.isComplete()) waitingFor.push(NOT_HEARD_YET);
    if (waitsForJwks && cachedUntil && new Date() < cachedUntil) waitingFor.push('jwks-cache');
    return { rotationId, kid, since, waitingFor, jwksCachedUntil: cachedUntil };
  }

  private async resultOf(rotationId: string, waitedMs: number): Promise<RotationResult> {
    const { manager } = this.dataSource;
    const rotation = await manager.findOneByOrFail(Rotation, { id: rotationId });
    const { kid, outcome } = rotation;
    if (outcome === 'aborted') throw new AuthError('rotation_aborted');
    if (outcome === null)
      return { done: false, ...this.waiting(rotation, await this.keySet.publishedKeys()) };
    const key = await manager.findOneByOrFail(SigningKey, { kid });
    const { epoch } = await manager.findOneByOrFail(KeySetState, { id: true });
    const { alg } = key;
    return { done: true, kid, alg, epoch, waitedMs, jwksCachedUntil: this.jwksCachedUntil(key) };
  }
}
