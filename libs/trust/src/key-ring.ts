/**
 * The key ring: all that a verifier knows about the issuer. A statement changes it only if a pinned anchor signed it
 * and it is newer than the present one. Any other statement is counted and changes nothing.
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
import { RevocationView, type ViewFault } from './revocations.js';

/**
 * How a statement arrived: over NATS (live or fetched), over HTTP, from this process itself, or from the statement
 * file.
 */
export type Channel = 'nats' | 'http' | 'local' | 'file';

/**
 * `empty`: there is no statement yet. `confirmed`: the statement was signed at most 15 s ago. `unconfirmed`: the
 * statement is older and still used. `stale`: the statement has expired; no token may be judged by it.
 */
export type Freshness = 'empty' | 'confirmed' | 'unconfirmed' | 'stale';

/** Why no token may be judged by a ring. */
export type RingFault = 'empty' | 'stale' | ViewFault;

type RefusalReason = StatementErrorCode | 'old_epoch' | 'closed_anchor';

interface KeyRingOptions {
  /** Exact value of `iss`. */
  readonly issuer: string;
  /** Pinned anchors in order of succession, at least one. A statement under a later anchor closes the earlier ones. */
  readonly anchors: readonly Anchor[];
  /** The greatest age at which a statement is confirmed and the revocation view is fresh. Seconds; default 15. */
  readonly confirmedSeconds?: number;
  readonly clock?: Clock;
}

export class KeyRing {
  readonly issuer: string;
  /** What the issuer has revoked, except keys. The statements say which revocations there are. */
  readonly revocations: RevocationView;
  readonly anchors: readonly Anchor[];
  private readonly confirmedSeconds: number;
  private readonly clock: Clock;
  private statement: KeySetStatement | undefined;
  /** The last statement that came over NATS, live or as its last message. */
  private pushed: KeySetStatement | undefined;
  private keys: ReadonlyMap<string, PublishedKey> = new Map();
  /** The kids of all revoked keys. None is ever removed, because statements name a revoked key only for a while. */
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
   * Verifies a statement and takes it over if it is newer: signed by a later pin than the present one, or by the same
   * pin with a greater epoch. Returns why it is refused, or undefined if the ring holds it now. A statement from the
   * file may have expired. No token is judged by an expired statement, but the ring accepts nothing older after it.
   */
  accept(jws: string, channel: Channel): RefusalReason | undefined {
    // Polling over HTTP brings the same statement again. It needs no second verification and is not a refusal.
    if (jws === this.statement?.jws) {
      if (channel === 'nats') this.pushed = this.statement;
      this.expectRevocations(this.statement, channel);
      return undefined;
    }
    const reason = this.takeOverIfNewer(jws, channel);
    if (reason !== undefined) return this.refuse(reason);
    this.accepted[channel] += 1;
    return undefined;
  }

  /** Counts a refusal. The feed also calls it for a statement that is too large to be read. */
  refuse(reason: RefusalReason): RefusalReason {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    return reason;
  }

  /** Verifies a statement that the ring does not hold. Takes it over if it is newer; otherwise returns why not. */
  private takeOverIfNewer(jws: string, channel: Channel): RefusalReason | undefined {
    const next = this.verify(jws, channel === 'file' ? 0 : numericDate(this.clock));
    if (typeof next === 'string') return next;
    const present = this.statement;
    if (present && next.pinIndex < present.pinIndex) return 'closed_anchor';
    if (present && next.pinIndex === present.pinIndex && next.epoch <= present.epoch) return 'old_epoch';
    for (const { kid } of next.revoked) this.everRevoked.add(kid);
    // A statement from a restored database may publish a key again that was revoked after the backup.
    const good = next.keys.filter(({ kid }) => !this.everRevoked.has(kid));
    this.keys = new Map(good.map((key) => [key.kid, key]));
    this.statement = next;
    if (channel === 'nats') this.pushed = next;
    this.expectRevocations(next, channel);
    for (const listener of this.listeners) listener(next);
    return undefined;
  }

  /**
   * Refuses, from now on, every key that this statement names as revoked. The statement is verified but may be old or
   * expired; nothing else in it counts. Returns why it is refused, or undefined. For statements from before a restart;
   * to be called before {@link accept}.
   */
  addRevokedKeys(jws: string): RefusalReason | undefined {
    const earlier = this.verify(jws, 0);
    if (typeof earlier === 'string') return earlier;
    for (const { kid } of earlier.revoked) this.everRevoked.add(kid);
    return undefined;
  }

  /** Returns the statement, or the reason if it is not valid. @param now NumericDate; 0 accepts an expired statement */
  private verify(jws: string, now: number): KeySetStatement | StatementErrorCode {
    const { issuer, anchors } = this;
    try {
      // Remembered tokens are bound to the object of their key, so a key that is repeated must stay the same object.
      return verifyKeySetStatement(jws, { issuer, anchors, now, held: this.statement?.keys ?? [] });
    } catch (error) {
      if (error instanceof StatementError) return error.code;
      throw error;
    }
  }

  private expectRevocations({ revocations, iat }: KeySetStatement, channel: Channel): void {
    // HTTP and the file carry no revocations. A statement from there does not show that revocations arrive.
    this.revocations.expect({ ...revocations, iat }, { pushed: channel === 'nats' || channel === 'local' });
  }

  /** Finds the published key with this id. Prepared, active and retiring keys verify alike. */
  find(kid: unknown): PublishedKey | undefined {
    return typeof kid === 'string' ? this.keys.get(kid) : undefined;
  }

  /** Why no token may be judged now. Undefined if tokens may be judged. @param now a NumericDate */
  fault(now = numericDate(this.clock)): RingFault | undefined {
    const { statement } = this;
    if (!statement) return 'empty';
    return statement.exp <= now ? 'stale' : this.revocations.fault();
  }

  /** @param now a NumericDate */
  freshness(now = numericDate(this.clock)): Freshness {
    const { statement } = this;
    if (!statement) return 'empty';
    if (statement.exp <= now) return 'stale';
    // The absolute value, because a statement from the far future says nothing about the present.
    return Math.abs(now - statement.iat) <= this.confirmedSeconds ? 'confirmed' : 'unconfirmed';
  }

  /**
   * Whether this verifier can refuse an unknown kid without asking the issuer: its statement was pushed and is
   * confirmed, so at most 15 s old. The issuer waits for a verifier that acknowledged a statement, and for longer than
   * that. A polled statement says nothing about the time after the poll.
   */
  isPushed(): boolean {
    return this.statement !== undefined && this.pushed === this.statement && this.freshness() === 'confirmed';
  }

  /** Calls `listener` after each statement that the ring takes over. */
  onAccepted(listener: (statement: KeySetStatement) => void): void {
    this.listeners.push(listener);
  }

  /**
   * Returns public facts for `GET /trust`, metrics and acknowledgements. Times are NumericDates; ages are in seconds.
   */
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
      revoked: (statement?.revoked ?? []).map((key) => ({ ...key })),
      revocations: this.revocations.facts(),
      statements: { accepted: { ...this.accepted }, refused: Object.fromEntries(this.refused) },
    };
  }
}

export type KeyRingFacts = ReturnType<KeyRing['facts']>;
