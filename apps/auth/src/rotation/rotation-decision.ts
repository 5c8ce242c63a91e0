/** Decides what a rotation does next. These are pure functions: the callers lock, read, write and wait. */
import { createHash } from 'node:crypto';
import { activeKey, standbyKey, type KeyRecord, type KeyRecords } from '../keys/key-life-cycle.js';
import type { Rotation } from './rotation.entity.js';

/** How long an emergency waits for acknowledgements at most. */
export const EMERGENCY_WAIT_MS = 1_000;

export interface RotationFacts {
  readonly rotation: Pick<Rotation, 'kid' | 'cause' | 'requestedAt' | 'waitsForJwks'>;
  readonly keys: KeyRecords;
  readonly now: Date;
  readonly statementSeconds: number;
  readonly jwksMaxAgeSeconds: number;
  /** Whether the list of verifiers is complete. */
  readonly isComplete: boolean;
  /** The counted verifiers that do not hold the key. */
  readonly lacking: readonly string[];
}

/**
 * `activate`: every counted verifier holds the key, or the last statement without the key has expired, or an emergency
 * has waited long enough. A rotation that waits for third parties also waits until no cached JWKS can lack the key.
 * `aborted`, `activated`: the key is no longer prepared, so the rotation only has to be ended. `wait`: none of these.
 */
export type RotationDecision = 'wait' | 'activate' | 'aborted' | 'activated';

/** Decides what an open rotation does now. */
export function decideRotation(facts: RotationFacts): RotationDecision {
  const { rotation, keys, now, statementSeconds, isComplete, lacking } = facts;
  const key = keys.find(({ kid }) => kid === rotation.kid);
  if (key?.status === 'active') return 'activated';
  if (key?.status !== 'prepared') return 'aborted';
  if (rotation.waitsForJwks && now < jwksCachedUntil(key, facts.jwksMaxAgeSeconds)) return 'wait';
  if (isComplete && lacking.length === 0) return 'activate';
  const [since, waitMs] =
    rotation.cause === 'emergency'
      ? [rotation.requestedAt, EMERGENCY_WAIT_MS]
      : [key.preparedAt, statementSeconds * 1000];
  return now.getTime() - since.getTime() >= waitMs ? 'activate' : 'wait';
}

/**
 * The time until which a third party may use a JWKS without the key: twice `max-age` after the key was prepared. It is
 * twice, because a replica or a shared cache may have sent an old JWKS for some time.
 */
export const jwksCachedUntil = ({ preparedAt }: KeyRecord, jwksMaxAgeSeconds: number): Date =>
  new Date(preparedAt.getTime() + 2 * jwksMaxAgeSeconds * 1000);

/**
 * The key of a scheduled rotation, or undefined if none is due. It is due when the active key has reached its age, 10 %
 * more or less. The kid decides how much. So many installations do not rotate at the same time, and all replicas
 * compute the same time. It also waits until no third party can hold a JWKS without the standby, because they never
 * acknowledge.
 */
export function dueStandby(
  keys: KeyRecords,
  now: Date,
  { rotationSeconds, jwksMaxAgeSeconds }: { rotationSeconds: number; jwksMaxAgeSeconds: number },
): KeyRecord | undefined {
  const active = activeKey(keys);
  const standby = active && standbyKey(keys, active.alg);
  if (rotationSeconds === 0 || !active || !standby) return undefined;
  const age = now.getTime() - active.activatedAt!.getTime();
  const isOld = age >= rotationSeconds * 1000 * (0.9 + 0.2 * fractionOf(active.kid));
  const isKnown = now >= jwksCachedUntil(standby, jwksMaxAgeSeconds);
  return isOld && isKnown ? standby : undefined;
}

/** A number between 0 and 1 that looks random and is the same on every replica. */
const fractionOf = (kid: string): number =>
  createHash('sha256').update(kid).digest().readUInt32BE() / 2 ** 32;
