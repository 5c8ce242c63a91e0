/** What a rotation does next, decided from facts alone; locks, rows and waiting stand around it. */
import { createHash } from 'node:crypto';
import { activeKey, standbyKey, type KeyRecord, type KeyRecords } from '../keys/key-life-cycle.js';
import type { Rotation } from './rotation.entity.js';

/** How long an emergency waits for acknowledgements when there was no standby that everyone held. */
export const EMERGENCY_WAIT_MS = 1_000;

export interface RotationFacts {
  readonly rotation: Pick<Rotation, 'kid' | 'cause' | 'requestedAt' | 'waitsForJwks'>;
  readonly keys: KeyRecords;
  readonly now: Date;
  readonly statementSeconds: number;
  readonly jwksMaxAgeSeconds: number;
  /** Whether every verifier has had the time to be heard. */
  readonly isComplete: boolean;
  /** The counted verifiers that do not hold the key. */
  readonly lacking: readonly string[];
}

/**
 * `activate`: every counted verifier holds the key, or the last statement that lacks it has expired, or an emergency
 * has waited long enough. A rotation that waits for third parties also waits until no cached JWKS lacks the key: the
 * expiry of a statement says nothing of them. `aborted`, `activated`: the key is prepared no more, so there is nothing
 * left to do.
 */
export type RotationDecision = 'wait' | 'activate' | 'aborted' | 'activated';

/** Decides what becomes of an open rotation now. */
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
 * Until when a third party may still use a JWKS without the key: twice `max-age` after the key was prepared, because a
 * replica or a shared cache may have handed out the old one for a while.
 */
export const jwksCachedUntil = ({ preparedAt }: KeyRecord, jwksMaxAgeSeconds: number): Date =>
  new Date(preparedAt.getTime() + 2 * jwksMaxAgeSeconds * 1000);

/**
 * The key to rotate to by schedule: if the active key has reached its age, give or take a tenth that its kid decides,
 * so that many installations do not rotate at once and every replica comes to the same moment. Third parties who read
 * the JWKS never acknowledge: none of them may hold one without the standby.
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

/** Between 0 and 1, as good as random and the same everywhere. */
const fractionOf = (kid: string): number =>
  createHash('sha256').update(kid).digest().readUInt32BE() / 2 ** 32;
