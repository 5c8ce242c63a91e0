/**
 * The revocation view: the tokens, sessions and clients that the issuer has revoked, for as long as it matters.
 * Revocations arrive in any order. The statement gives the range of their numbers (`from..to`). From this range the
 * view knows which revocations are missing and which it may forget.
 */
import {
  StatementError,
  verifyRevocation,
  type Anchor,
  type RevokedKind,
  type StatementErrorCode,
} from '#statements';
import { actorsOf, type AccessTokenClaims } from './access-token-claims.js';
import { numericDate, systemClock, type Clock } from './clock.js';

interface RevocationViewOptions {
  /** Exact value of `iss`. */
  readonly issuer: string;
  /** Pinned anchors. An anchor that a later one has closed counts too: its revocations outlive its last statement. */
  readonly anchors: readonly Anchor[];
  /** The greatest age at which the view is fresh. Seconds; default 15. */
  readonly freshSeconds?: number;
  readonly clock?: Clock;
}

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

export class RevocationView {
  private readonly issuer: string;
  private readonly anchors: readonly Anchor[];
  private readonly freshSeconds: number;
  private readonly clock: Clock;
  /** Revoked names of each kind, with the number of their revocation. */
  private readonly names: Record<RevokedKind, Map<string, number>> = {
    jti: new Map(),
    sid: new Map(),
    client_id: new Map(),
  };
  private readonly held = new Set<number>();
  private readonly lacking = new Set<number>();
  private range: RevocationRange = { from: 1, to: 0, iat: 0 };
  /** `iat` of the newest pushed statement. While nothing is missing, the view is complete as of this time. */
  private pushedAt: number | undefined;
  private completeAt: number | undefined;
  private highest = 0;
  private changes = 0;
  private accepted = 0;
  private readonly refused = new Map<StatementErrorCode, number>();
  private readonly listeners: ((n: number, jws: string) => void)[] = [];

  constructor({ issuer, anchors, freshSeconds = 15, clock = systemClock }: RevocationViewOptions) {
    this.issuer = issuer;
    this.anchors = anchors;
    this.freshSeconds = freshSeconds;
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
   * before, or does not need it any more.
   */
  add(jws: string): StatementErrorCode | undefined {
    const { issuer, anchors } = this;
    try {
      const { n, kind, value } = verifyRevocation(jws, { issuer, anchors });
      if (n < this.range.from) return undefined;
      this.highest = Math.max(this.highest, n);
      const known = this.names[kind].get(value);
      this.names[kind].set(value, Math.max(n, known ?? 0));
      if (known === undefined) this.changes += 1;
      const isHeld = this.held.has(n);
      if (!isHeld) this.accepted += 1;
      this.held.add(n);
      this.lacking.delete(n);
      this.judgeCompleteness();
      if (!isHeld || known === undefined) for (const listener of this.listeners) listener(n, jws);
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
  onAdded(listener: (n: number, jws: string) => void): void {
    this.listeners.push(listener);
  }

  /**
   * Returns the claim by which a token is revoked, or undefined if it is not revoked. A revoked client also refuses every
   * token that went through its hands (`act`).
   */
  revokes(claims: AccessTokenClaims): string | undefined {
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
    // A range that continues the last one adds only the numbers after its `to`. Any other range is looked at as a
    // whole.
    const continuesLast = from >= last.from && to >= last.to;
    if (!continuesLast) this.lacking.clear();
    for (let n = continuesLast ? Math.max(from, last.to + 1) : from; n <= to; n += 1) {
      if (n > 0 && !this.held.has(n)) this.lacking.add(n);
    }
    if (from > last.from) this.forget(from);
    if (pushed) this.pushedAt = range.iat;
    this.judgeCompleteness();
  }

  /** The highest number that this view has seen. There may be higher ones. */
  get highestKnown(): number {
    return this.highest;
  }

  /** Returns the numbers of up to `limit` revocations that are in the range and not held. */
  missing(limit = Infinity): number[] {
    const numbers: number[] = [];
    for (const n of this.lacking) {
      if (numbers.length >= limit) break;
      numbers.push(n);
    }
    return numbers;
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
      missing: this.lacking.size,
      age: Number.isFinite(age) ? Math.round(age * 1000) / 1000 : null,
      held: { jti: names.jti.size, sid: names.sid.size, client_id: names.client_id.size },
      accepted: this.accepted,
      refused: Object.fromEntries(this.refused),
    };
  }

  private judgeCompleteness(): void {
    if (this.lacking.size === 0) this.completeAt = this.pushedAt;
  }

  private forget(before: number): void {
    for (const numbers of [this.held, this.lacking]) {
      for (const n of numbers) if (n < before) numbers.delete(n);
    }
    for (const names of Object.values(this.names)) {
      for (const [value, n] of names) if (n < before) names.delete(value);
    }
  }
}
