/**
 * The key ring: all that a verifier knows of the issuer. It changes only by a statement that the anchor signed
 * and that is newer than the one it holds; anything else is counted and changes nothing.
 */
import {
  StatementError,
  verifyKeySetStatement,
  type Anchor,
  type KeySetStatement,
  type PublishedKey,
  type StatementErrorCode,
} from '#statements';
import { numericDate, systemClock, type Clock } from './clock.js';
import { RevocationView } from './revocations.js';

/** How a statement came: live or fetched over NATS, over HTTP, from this very process, or from before its start. */
export type Channel = 'nats' | 'http' | 'local' | 'file';

/**
 * `empty`: no statement yet. `confirmed`: heard of the issuer within 15 s. `unconfirmed`: good, but not fresh.
 * `stale`: the statement has expired; nothing may be judged by it.
 */
export type Freshness = 'empty' | 'confirmed' | 'unconfirmed' | 'stale';

export type RefusalReason = StatementErrorCode | 'old_epoch' | 'closed_anchor';

export interface KeyRingOptions {
  /** Exact value of `iss`. */
  readonly issuer: string;
  /** Pinned anchors in order of succession: a statement under a later one closes the earlier. At least one. */
  readonly anchors: readonly Anchor[];
  /** Age in seconds up to which a statement is confirmed, and the view of revocations fresh; default 15. */
  readonly confirmedSeconds?: number;
  readonly clock?: Clock;
}

export class KeyRing {
  readonly issuer: string;
  /** What the issuer has revoked beside keys; the statements say which revocations there are. */
  readonly revocations: RevocationView;
  readonly anchors: readonly Anchor[];
  private readonly confirmedSeconds: number;
  private readonly clock: Clock;
  private statement: KeySetStatement | undefined;
  /** The last statement that came over NATS, live or as its last message. */
  private pushed: KeySetStatement | undefined;
  private keys: ReadonlyMap<string, PublishedKey> = new Map();
  /** Never forgotten; statements name a revoked key only for a while. */
  private readonly everRevoked = new Set<string>();
  private readonly listeners: ((statement: KeySetStatement) => void)[] = [];
  private readonly accepted: Record<Channel, number> = { nats: 0, http: 0, local: 0, file: 0 };
  private readonly refused = new Map<RefusalReason, number>();

  constructor({ issuer, anchors, confirmedSeconds = 15, clock = systemClock }: KeyRingOptions) {
    if (anchors.length === 0) throw new Error('a key ring needs at least one trust anchor');
    this.issuer = issuer;
    this.anchors = anchors;
    this.confirmedSeconds = confirmedSeconds;
    this.clock = clock;
    this.revocations = new RevocationView({ issuer, anchors, freshSeconds: confirmedSeconds, clock });
  }

  /**
   * Takes a statement over if it is verified and news: under a later pin than the present one, or under the same
   * pin with a greater epoch. Returns why not, or undefined when it was taken over. From the file it may have expired:
   * nothing is judged by it then, but nothing older is accepted any more.
   */
  accept(jws: string, channel: Channel): RefusalReason | undefined {
    // The same statement again, as HTTP polling brings it: known, so no crypto and no refusal to count.
    if (jws === this.statement?.jws) {
      if (channel === 'nats') this.pushed = this.statement;
      this.expectRevocations(this.statement, channel);
      return undefined;
    }
    const reason = this.tryAccept(jws, channel);
    if (reason !== undefined) return this.refuse(reason);
    this.accepted[channel] += 1;
    return undefined;
  }

  /** Counts a refused statement, also one that is refused before it is read because it is too large. */
  refuse(reason: RefusalReason): RefusalReason {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    return reason;
  }

  private tryAccept(jws: string, channel: Channel): RefusalReason | undefined {
    const next = this.verify(jws, channel === 'file' ? 0 : numericDate(this.clock));
    if (typeof next === 'string') return next;
    const present = this.statement;
    if (present && next.pinIndex < present.pinIndex) return 'closed_anchor';
    if (present && next.pinIndex === present.pinIndex && next.epoch <= present.epoch) return 'old_epoch';
    for (const { kid } of next.revoked) this.everRevoked.add(kid);
    // A statement out of a restored database may hold a key again that was revoked since the backup.
    const good = next.keys.filter(({ kid }) => !this.everRevoked.has(kid));
    this.keys = new Map(good.map((key) => [key.kid, this.sameObjectIfUnchanged(key)]));
    this.statement = next;
    if (channel === 'nats') this.pushed = next;
    this.expectRevocations(next, channel);
    for (const listener of this.listeners) listener(next);
    return undefined;
  }

  /**
   * Refuses from now on the keys that a statement names as revoked, however old it is; nothing else of it counts.
   * Returns why not. For what was accepted before a restart, ahead of {@link accept}.
   */
  addRevokedKeys(jws: string): RefusalReason | undefined {
    const earlier = this.verify(jws, 0);
    if (typeof earlier === 'string') return earlier;
    for (const { kid } of earlier.revoked) this.everRevoked.add(kid);
    return undefined;
  }

  private verify(jws: string, now: number): KeySetStatement | StatementErrorCode {
    const { issuer, anchors } = this;
    try {
      return verifyKeySetStatement(jws, { issuer, anchors, now });
    } catch (error) {
      if (error instanceof StatementError) return error.code;
      throw error;
    }
  }

  private expectRevocations({ revocations, iat }: KeySetStatement, channel: Channel): void {
    // HTTP and the file carry statements alone: one from there is no sign that revocations would arrive.
    this.revocations.expect({ ...revocations, iat }, { pushed: channel === 'nats' || channel === 'local' });
  }

  /** Keeps the object of a key that a re-issue merely repeats: cached verdicts are bound to the object. */
  private sameObjectIfUnchanged(key: PublishedKey): PublishedKey {
    const held = this.keys.get(key.kid);
    // The kid is the thumbprint of the key material, which leaves out `alg`.
    const same = held?.alg === key.alg && held.status === key.status && held.verifyUntil === key.verifyUntil;
    return same ? held : key;
  }

  /** The published key of that id: prepared, active and retiring ones verify alike. */
  find(kid: unknown): PublishedKey | undefined {
    return typeof kid === 'string' ? this.keys.get(kid) : undefined;
  }

  /** @param now a NumericDate */
  freshness(now = numericDate(this.clock)): Freshness {
    const { statement } = this;
    if (!statement) return 'empty';
    if (statement.exp <= now) return 'stale';
    // Also by absolute value: a statement from a far future says nothing of the present.
    return Math.abs(now - statement.iat) <= this.confirmedSeconds ? 'confirmed' : 'unconfirmed';
  }

  /**
   * Whether there is no newer statement than the one that is held: it was pushed, and is confirmed. The issuer waits
   * for whoever acknowledged a pushed statement, for longer than that. What was polled says nothing of the time since.
   */
  isPushed(): boolean {
    return this.statement !== undefined && this.pushed === this.statement && this.freshness() === 'confirmed';
  }

  /** Calls `listener` after each acceptance. */
  onAccepted(listener: (statement: KeySetStatement) => void): void {
    this.listeners.push(listener);
  }

  /** Public facts for `GET /trust`, metrics and acknowledgements; times are NumericDates, ages are seconds. */
  facts() {
    const { statement } = this;
    return {
      issuer: this.issuer,
      freshness: this.freshness(),
      pushed: this.isPushed(),
      epoch: statement?.epoch ?? null,
      iat: statement?.iat ?? null,
      exp: statement?.exp ?? null,
      age: statement ? Math.round((numericDate(this.clock) - statement.iat) * 1000) / 1000 : null,
      pins: this.anchors.map((anchor) => anchor.thumbprint),
      pin: statement ? (this.anchors[statement.pinIndex]?.thumbprint ?? null) : null,
      keys: [...this.keys.values()].map(({ kid, alg, status, verifyUntil }) => ({
        kid,
        alg,
        status,
        verifyUntil: verifyUntil ?? null,
      })),
      revoked: statement?.revoked ?? [],
      revocations: this.revocations.facts(),
      statements: { accepted: { ...this.accepted }, refused: Object.fromEntries(this.refused) },
    };
  }
}

export type KeyRingFacts = ReturnType<KeyRing['facts']>;
