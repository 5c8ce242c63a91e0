import type { Clock } from './clock.js';
import type { Channel } from './key-ring.js';

const SILENT_MS = 60_000;

/** The security events that a verifier logs. */
export type TrustEvent = RefusalEvent | TooManyRevocations['event'];

type RefusalEvent = 'statement.refused' | 'revocation.refused';

/** A refused statement or revocation, as the log shows it. */
export interface Refusal {
  readonly event: RefusalEvent;
  readonly channel: Channel;
  /** Code of the refusal. */
  readonly reason: string;
  /** How many were refused for this reason since the last line, this one included. */
  readonly count: number;
}

/** There are more revocations than a verifier may hold, as the log shows it. */
export interface TooManyRevocations {
  readonly event: 'revocations.too_many';
  /** How many it may hold. */
  readonly limit: number;
}

/**
 * Logs refusals: the first one of each channel and reason at once, then at most one line a minute with the count. So a
 * sender of invalid messages cannot fill the log. The metrics count every refusal. `reason` is from a closed union, so
 * the number of lines is bounded.
 */
export class Refusals {
  private readonly kinds = new Map<string, { toldAt: number; count: number }>();

  constructor(
    private readonly event: RefusalEvent,
    private readonly tell: (refusal: Refusal) => void,
    private readonly clock: Clock,
  ) {}

  add(channel: Channel, reason: string): void {
    const now = this.clock();
    const kind = `${channel} ${reason}`;
    const { toldAt, count } = this.kinds.get(kind) ?? { toldAt: -Infinity, count: 0 };
    // The absolute value, because the clock may go back.
    const isTold = Math.abs(now - toldAt) >= SILENT_MS;
    this.kinds.set(kind, isTold ? { toldAt: now, count: 0 } : { toldAt, count: count + 1 });
    if (isTold) this.tell({ event: this.event, channel, reason, count: count + 1 });
  }
}
