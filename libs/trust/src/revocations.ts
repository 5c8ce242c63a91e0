/**
 * The revocation view: the tokens, sessions and clients that the issuer has revoked, for as long as it matters.
 * Revocations arrive in any order. The statement gives the range of their numbers (`from..to`). From this range the
 * view knows which revocations are missing and which it may forget.
 */
import {
  StatementError,
  verifyRevocation,
  type Anchor,
  type Revocation,
  type RevokedKind,
  type StatementErrorCode,
} from '#statements';
import { actorsOf, type AccessTokenClaims } from './access-token-claims.js';
import { numericDate, systemClock, type Clock } from './clock.js';
import { NumberSet } from './number-set.js';
import { onlyChanges } from './only-changes.js';
import { RevokedNames } from './revoked-names.js';

/**
 * The greatest number of revocations that a view holds. They take about 30 MB. With tokens of 5 minutes, that is 800
 * revocations a second.
 */
export const MAX_REVOCATIONS = 250_000;

interface RevocationViewOptions {
  /** Exact value of `iss`. */
  readonly issuer: string;
  /** Pinned anchors. An anchor that a later one has closed counts too: its revocations outlive its last statement. */
  readonly anchors: readonly Anchor[];
  /** The greatest age at which the view is fresh. Seconds; default 15. */
  readonly freshSeconds?: number;
  /** Default {@link MAX_REVOCATIONS}. */
  readonly maxRevocations?: number;
  readonly clock?: Clock;
}

/**
 * Why no token may be judged by a view. `incomplete`: this process has just started, NATS is there, and not all
 * revocations are here yet. `too_many`: there are more revocations than a view may hold.
 */
export type ViewFault = 'incomplete' | 'too_many';

/** The range of revocation numbers in a statement, and its `iat` as a NumericDate. */
export interface RevocationRange {
  readonly from: number;
  readonly to: number;
  readonly iat: number;
}

/**
 * The claims by which a token is revoked, each with the kind of revocation that it is compared with. A revoked jti also
 * refuses tokens that were exchanged for it (`txn`).
 */
const REVOCABLE = [
  ['jti', 'jti'],
  ['txn', 'jti'],
  ['sid', 'sid'],
  ['client_id', 'client_id'],
] as const satisfies readonly (readonly [keyof AccessTokenClaims, RevokedKind])[];

/** Receives a verified revocation, and its JWS. */
type RevocationListener = (revocation: Revocation, jws: string) => void;

/** The claims by which a token can be revoked. */
type RevocableClaims = Pick<AccessTokenClaims, 'jti' | 'txn' | 'sid' | 'client_id' | 'act'>;

export class RevocationView {
  private readonly issuer: string;
  private readonly anchors: readonly Anchor[];
  private readonly freshSeconds: number;
  readonly maxRevocations: number;
  private readonly clock: Clock;
  /** Revoked names of each kind, with the number of their revocation. */
  private readonly names: Record<RevokedKind, RevokedNames> = {
    jti: new RevokedNames(),
    sid: new RevokedNames(),
    client_id: new RevokedNames(),
  };
  private readonly held = new NumberSet();
  /** How many numbers of the range are not held. */
  private lacking = 0;
  /** The highest number that was not taken in, because the view was full. */
  private dropped = 0;
  private range: RevocationRange = { from: 1, to: 0, iat: 0 };
  /** `iat` of the newest pushed statement. While nothing is missing, the view is complete as of this time. */
  private pushedAt: number | undefined;
  private completeAt: number | undefined;
  /** Whether no token may be judged before the view is complete. */
  private mustComplete = false;
  /** Whether there may be revocations that are newer than the last statement and were not asked for. */
  private isBehind = false;
  /** When NATS last brought something, as a NumericDate. */
  private heardAt = -Infinity;
  private highest = 0;
  private changes = 0;
  private accepted = 0;
  private readonly refused = new Map<StatementErrorCode, number>();
  private readonly listeners: RevocationListener[] = [];
  private readonly overflowListeners: (() => void)[] = [];
  private readonly reportOverflow = onlyChanges<true>((isTooMany) => {
    if (isTooMany) for (const listener of this.overflowListeners) listener();
  });

  constructor({
    issuer,
    anchors,
    freshSeconds = 15,
    maxRevocations = MAX_REVOCATIONS,
    clock = systemClock,
  }: RevocationViewOptions) {
    this.issuer = issuer;
    this.anchors = anchors;
    this.freshSeconds = freshSeconds;
    this.maxRevocations = maxRevocations;
    this.clock = clock;
  }

  /**
   * Grows with every revoked name that is added. While it stays the same, a token that was not revoked still is not.
   */
  get counter(): number {
    return this.changes;
  }

  /**
   * Verifies a revocation and adds it. Returns why it is refused. Returns undefined if the view holds it now, held it
   * before, or does not need it any more. A full view does not take it in, and judges no token until it can.
   */
  add(jws: string): StatementErrorCode | undefined {
    const { issuer, anchors } = this;
    try {
      const revocation = verifyRevocation(jws, { issuer, anchors });
      const { n, kind, value } = revocation;
      if (n < this.range.from) return undefined;
      this.highest = Math.max(this.highest, n);
      this.heardAt = numericDate(this.clock);
      if (this.held.size >= this.maxRevocations && !this.held.has(n)) {
        this.dropped = Math.max(this.dropped, n);
        this.judgeCompleteness();
        return undefined;
      }
      const known = this.names[kind].get(value);
      this.names[kind].set(value, Math.max(n, known ?? 0));
      if (known === undefined) this.changes += 1;
      const isNew = this.held.add(n);
      if (isNew) this.accepted += 1;
      if (isNew && n <= this.range.to) this.lacking -= 1;
      this.judgeCompleteness();
      if (isNew || known === undefined) for (const listener of this.listeners) listener(revocation, jws);
      return undefined;
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      return this.refuse(error.code);
    }
  }

  /** Counts a refusal. The feed also calls it for a revocation that is too large to be read. */
  refuse(reason: StatementErrorCode): StatementErrorCode {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    return reason;
  }

  /** Calls `listener` with each revocation that is added and was not held before. */
  onAdded(listener: RevocationListener): void {
    this.listeners.push(listener);
  }

  /**
   * Returns the claim by which a token is revoked, or undefined if it is not revoked. A revoked client also refuses every
   * token that went through its hands (`act`).
   */
  revokes(claims: RevocableClaims): string | undefined {
    const revoked = REVOCABLE.find(([claim, kind]) => {
      const value = claims[claim];
      return value !== undefined && this.names[kind].has(value);
    })?.[0];
    if (revoked !== undefined || claims.act === undefined) return revoked;
    return actorsOf(claims).some((client) => this.names.client_id.has(client)) ? 'act' : undefined;
  }

  /**
   * Takes over the range of a statement. Notes which revocations are missing, and forgets those that no longer matter.
   *
   * @param pushed whether the statement arrived on the channel of revocations, which shows that they arrive too
   */
  expect(range: RevocationRange, { pushed }: { pushed: boolean }): void {
    const { from, to } = range;
    const last = this.range;
    this.range = range;
    this.highest = Math.max(this.highest, to);
    if (from > last.from) this.forget(from);
    // Numbers of too wide a range are not looked at: there may be any number of them.
    this.lacking = this.isTooWide() ? to - from + 1 : this.held.countAbsent(Math.max(1, from), to);
    if (pushed) {
      this.pushedAt = range.iat;
      this.heardAt = numericDate(this.clock);
    }
    this.judgeCompleteness();
  }

  /** Calls `listener` each time when there begin to be more revocations than the view may hold. */
  onTooMany(listener: () => void): void {
    this.overflowListeners.push(listener);
  }

  /**
   * From now on no token is judged until the view is complete. For the start of a process that NATS feeds. It ends
   * when NATS is away: then nobody knows what is missing.
   */
  requireComplete(): void {
    this.mustComplete = true;
    this.isBehind = true;
    this.heardAt = numericDate(this.clock);
  }

  /** Notes that NATS was asked for all that it has. Without this, a start is not complete. */
  caughtUp(): void {
    this.isBehind = false;
    this.judgeCompleteness();
  }

  /** Notes that NATS cannot be reached. The next pushed statement or revocation shows that it can. */
  natsIsAway(): void {
    this.heardAt = -Infinity;
  }

  /** Why no token may be judged now. Undefined if tokens may be judged. */
  fault(): ViewFault | undefined {
    // Also while there are too many.
    return this.mustComplete ? this.faultOfIncompleteness() : undefined;
  }

  private faultOfIncompleteness(): ViewFault | undefined {
    if (this.isTooMany()) return 'too_many';
    // NATS that brought nothing for so long counts as away. The absolute value, because the clock may go back.
    const silentSeconds = Math.abs(numericDate(this.clock) - this.heardAt);
    if (silentSeconds <= this.freshSeconds) return 'incomplete';
    // From now on tokens are judged. They still are when NATS is back: it would help nobody to stop again for a while.
    this.mustComplete = false;
    return undefined;
  }

  /** The highest number that this view has seen. There may be higher ones. */
  get highestKnown(): number {
    return this.highest;
  }

  /** Returns the numbers of up to `limit` revocations that are in the range and not held. */
  missing(limit = Infinity): number[] {
    // What a full view lacks would find no place in it.
    if (this.isTooMany()) return [];
    return this.held.absent(Math.max(1, this.range.from), this.range.to, limit);
  }

  /** Seconds since the view was last known to be complete; infinite if it never was. */
  age(): number {
    return this.completeAt === undefined ? Infinity : numericDate(this.clock) - this.completeAt;
  }

  /** Whether the view knows everything that was revoked until a moment ago. */
  isFresh(): boolean {
    // The absolute value, because a statement from the far future says nothing about the present.
    return Math.abs(this.age()) <= this.freshSeconds;
  }

  /** Returns public facts for `GET /trust` and metrics. The age is in seconds; null if the view was never complete. */
  facts() {
    const age = this.age();
    const { names } = this;
    return {
      from: this.range.from,
      to: this.range.to,
      missing: this.lacking,
      age: Number.isFinite(age) ? Math.round(age * 1000) / 1000 : null,
      held: { jti: names.jti.size, sid: names.sid.size, client_id: names.client_id.size },
      accepted: this.accepted,
      refused: Object.fromEntries(this.refused),
    };
  }

  private isTooWide(): boolean {
    return this.range.to - this.range.from + 1 > this.maxRevocations;
  }

  private isTooMany(): boolean {
    return this.isTooWide() || this.dropped > this.range.to;
  }

  private judgeCompleteness(): void {
    if (this.isTooMany()) {
      // What was not taken in is fetched as soon as there is a place. Until then it is missing.
      this.mustComplete = true;
      return this.reportOverflow(true);
    }
    this.reportOverflow(undefined);
    if (this.lacking > 0 || this.pushedAt === undefined) return;
    this.completeAt = this.pushedAt;
    if (!this.isBehind) this.mustComplete = false;
  }

  private forget(before: number): void {
    this.held.deleteBefore(before);
    for (const names of Object.values(this.names)) names.deleteBefore(before);
  }
}
