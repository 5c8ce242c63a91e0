/** Tells a program what changes in a key ring: for metrics, for a cache of its own, for an alarm. */
import type { RevokedSubject } from '#statements';
import type { Freshness, KeyRing, KeyRingFacts } from './key-ring.js';
import { neverThrowing } from './never-throwing.js';
import { onlyChanges } from './only-changes.js';

const TICK_MS = 1_000;

/** The keys and the revoked keys of the statement that a verifier holds now. */
export type KeySetFacts = Pick<KeyRingFacts, 'epoch' | 'keys' | 'revoked'>;

type Unsubscribe = () => void;

/** Each function returns one that ends the subscription. What a listener throws is logged, and disturbs nothing else. */
export interface TrustEvents {
  /** Calls `listener` after each statement whose keys, or revoked keys, differ from those of the one before. */
  onKeySet(listener: (keySet: KeySetFacts) => void): Unsubscribe;
  /** Calls `listener` once for each revocation of a token, a session or a client. They come over NATS only. */
  onRevocation(listener: (revoked: RevokedSubject) => void): Unsubscribe;
  /** Calls `listener` when the freshness of the statement has changed, at most 1 s later. */
  onFreshness(listener: (freshness: Freshness) => void): Unsubscribe;
}

/** @param log receives what a listener throws */
export function createTrustEvents(
  ring: KeyRing,
  log: (fault: unknown) => void,
): TrustEvents & { stop: () => void } {
  const keySets = new Listeners<KeySetFacts>(log);
  const revocations = new Listeners<RevokedSubject>(log);
  const freshness = new Listeners<Freshness>(log);

  const tellKeySet = onlyChanges<string>(() => {
    const { epoch, keys, revoked } = ring.facts();
    keySets.tell({ epoch, keys, revoked });
  });
  const tellFreshness = onlyChanges<Freshness>((now) => now && freshness.tell(now));
  tellFreshness(ring.freshness());

  ring.onAccepted(({ keys, revoked }) => {
    tellKeySet(JSON.stringify([keys.map(({ json }) => json), revoked]));
    tellFreshness(ring.freshness());
  });
  ring.revocations.onAdded(({ kind, value }) => revocations.tell({ kind, value }));
  const timer = setInterval(() => tellFreshness(ring.freshness()), TICK_MS).unref();

  return {
    onKeySet: (listener) => keySets.add(listener),
    onRevocation: (listener) => revocations.add(listener),
    onFreshness: (listener) => freshness.add(listener),
    stop: () => clearInterval(timer),
  };
}

class Listeners<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private readonly log: (fault: unknown) => void) {}

  add(listener: (value: T) => void): Unsubscribe {
    // A function of its own: a listener that is added twice is called twice.
    const own = neverThrowing(listener, this.log);
    this.listeners.add(own);
    return () => void this.listeners.delete(own);
  }

  tell(value: T): void {
    // A copy, because a listener may add another one.
    for (const listener of [...this.listeners]) listener(value);
  }
}
