/** Decides what becomes of a refresh token that is presented. A pure function: the caller locks, reads and writes. */
import type { RefreshFamily } from './refresh-family.entity.js';

/**
 * `rotate`: the token is the unused one. `repeat`: it was used last, within the grace, and its successor is unused, so it
 * gets the same successor. `superseded`: it was used within the grace, and so was its successor. `reused`: it was used
 * longer ago, or auth never gave it to anybody. Then somebody else may hold tokens of this session.
 */
export type RefreshDecision = 'rotate' | 'repeat' | 'superseded' | 'reused';

/** The longest time between the arrival of a refresh and this decision. */
export const MAX_WAIT_MS = 30_000;

export function decideRefresh(
  tokenHash: string,
  family: Pick<RefreshFamily, 'tokenHash' | 'used'>,
  { arrivedAt, graceSeconds }: { arrivedAt: Date; graceSeconds: number },
): RefreshDecision {
  if (tokenHash === family.tokenHash) return 'rotate';
  const [last] = family.used;
  const used = family.used.find(({ hash }) => hash === tokenHash);
  // By its arrival: it may have waited for its turn, and that is not the fault of the client.
  if (!used || arrivedAt.getTime() - used.at > graceSeconds * 1000) return 'reused';
  return used === last ? 'repeat' : 'superseded';
}

/** The used tokens that must be remembered: a refresh that arrived within the grace may still wait for its turn. */
export function remembered(
  used: RefreshFamily['used'],
  { now, graceSeconds }: { now: Date; graceSeconds: number },
): RefreshFamily['used'] {
  return used.filter(({ at }) => now.getTime() - at <= graceSeconds * 1000 + MAX_WAIT_MS);
}
