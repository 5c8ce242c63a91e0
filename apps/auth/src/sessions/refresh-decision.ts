/** Decides what becomes of a refresh token that is presented. A pure function: the caller locks, reads and writes. */
import type { RefreshFamily } from './refresh-family.entity.js';

/**
 * `rotate`: the token is the unused one. `repeat`: it was used last, within the grace, and its successor is unused, so it
 * gets the same successor. `superseded`: it was used within the grace, and so was its successor. `reused`: it was used
 * longer ago, or auth never gave it to anybody. Then somebody else may hold tokens of this session.
 */
export type RefreshDecision = 'rotate' | 'repeat' | 'superseded' | 'reused';

export function decideRefresh(
  tokenHash: string,
  family: Pick<RefreshFamily, 'tokenHash' | 'used'>,
  { now, graceSeconds }: { now: Date; graceSeconds: number },
): RefreshDecision {
  if (tokenHash === family.tokenHash) return 'rotate';
  const [last] = family.used;
  const used = usedWithin(family.used, { now, graceSeconds }).find(({ hash }) => hash === tokenHash);
  if (!used) return 'reused';
  return used === last ? 'repeat' : 'superseded';
}

/** The tokens that were used within the grace. */
export function usedWithin(
  used: RefreshFamily['used'],
  { now, graceSeconds }: { now: Date; graceSeconds: number },
): RefreshFamily['used'] {
  return used.filter(({ at }) => now.getTime() - at <= graceSeconds * 1000);
}
