/**
 * The revocation view: which tokens, sessions and clients the issuer has revoked, as far as it still matters.
 * Revocations come in any order. The statement says which there are (`from..to`), so the view knows what it lacks,
 * and what it may forget.
 */
import {
  StatementError,
  verifyRevocation,
  type Anchor,
  type RevokedKind,
  type StatementErrorCode,
} from '#statements';
import type { AccessTokenClaims } from './access-token-claims.js';
import { numericDate, systemClock, type Clock } from './clock.js';

export interface RevocationViewOptions {
  /** Exact value of `iss`. */
  readonly issuer: string;
  /** Pinned anchors. Also one that a later has closed counts: its revocations outlive its last statement. */
  readonly anchors: readonly Anchor[];
  /** Age in seconds up to which the view is fresh; default 15. */
  readonly freshSeconds?: number;
  readonly clock?: Clock;
}

/** What a statement says of the revocations there are; `iat` is a NumericDate. */
export interface RevocationRange {
  readonly from: number;
  readonly to: number;
  readonly iat: number;
}

/** The claims of a token that may be revoked, and as what. A revoked jti refuses what was exchanged for it too. */
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
  /** `iat` of the newest statement that was pushed; the view is as of then once nothing is lacking. */
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

  /** Grows with every revocation that is added: as long as it is the same, what was good is not revoked. */
  get counter(): number {
    return this.changes;
  }

  /**
   * Adds a revocation that the anchor signed. Returns why not, or undefined when it is held, or was before, or no
   * longer matters.
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

  /** Counts a refused revocation, also one that is refused before it is read because it is too large. */
  refuse(reason: StatementErrorCode): StatementErrorCode {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    return reason;
  }

  /** Calls `listener` with each revocation that is added and was not held before. */
  onAdded(listener: (n: number, jws: string) => void): void {
    this.listeners.push(listener);
  }

  /** The claim by which a token is revoked, or undefined if it is not. */
  revokes(claims: AccessTokenClaims): string | undefined {
    return REVOCABLE.find(([claim, kind]) => {
      const value = claims[claim];
      return value !== undefined && this.names[kind].has(value);
    })?.[0];
  }

  /**
   * Takes in what a statement says there is: notes what is lacking, forgets what matters no longer.
   *
   * @param pushed whether the statement came on the channel that revocations come on too, and so is proof that they do
   */
  expect(range: RevocationRange, { pushed }: { pushed: boolean }): void {
    const { from, to } = range;
    const last = this.range;
    this.range = range;
    this.highest = Math.max(this.highest, to);
    // The numbers between were judged with the last statement, unless this one speaks of others.
    const continuesLast = from >= last.from && to >= last.to;
    if (!continuesLast) this.lacking.clear();
    for (let n = continuesLast ? Math.max(from, last.to + 1) : from; n <= to; n += 1) {
      if (n > 0 && !this.held.has(n)) this.lacking.add(n);
    }
    if (from > last.from) this.forget(from);
    if (pushed) this.pushedAt = range.iat;
    this.judgeCompleteness();
  }

  /** The highest number that is known of; there may be more. */
  get highestKnown(): number {
    return this.highest;
  }

  /** The numbers of the first `limit` revocations that there are and that are not held. */
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

  /** Whether the view can be relied on to know what was revoked until a moment ago. */
  isFresh(): boolean {
    // Also by absolute value: a statement from a far future says nothing of the present.
    return Math.abs(this.age()) <= this.freshSeconds;
  }

  /** Public facts for `GET /trust` and metrics; the age is in seconds, null if the view was never complete. */
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
