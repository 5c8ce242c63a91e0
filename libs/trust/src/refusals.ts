import type { Clock } from './clock.js';
import type { Channel } from './key-ring.js';

const SILENT_MS = 60_000;

/** What a verifier tells its log in a structured line. */
export type TrustEvent = 'statement.refused' | 'revocation.refused';

/** A statement or a revocation that was refused, as the log tells it. */
export interface Refusal {
  readonly event: TrustEvent;
  readonly channel: Channel;
  /** Code of the refusal. */
  readonly reason: string;
  /** How many were refused for this reason since the last line, this one included. */
  readonly count: number;
}

/**
 * Tells of the first refusal for each channel and reason, then once a minute at most, with the count. So whoever
 * publishes nonsense cannot fill the log; the metrics count every refusal. Reasons are codes of a closed union.
 */
export class Refusals {
  private readonly kinds = new Map<string, { toldAt: number; count: number }>();

  constructor(
    private readonly event: TrustEvent,
    private readonly tell: (refusal: Refusal) => void,
    private readonly clock: Clock,
  ) {}

  add(channel: Channel, reason: string): void {
    const now = this.clock();
    const kind = `${channel} ${reason}`;
    const { toldAt, count } = this.kinds.get(kind) ?? { toldAt: -Infinity, count: 0 };
    // By absolute value: the clock may go back.
    const isTold = Math.abs(now - toldAt) >= SILENT_MS;
    this.kinds.set(kind, isTold ? { toldAt: now, count: 0 } : { toldAt, count: count + 1 });
    if (isTold) this.tell({ event: this.event, channel, reason, count: count + 1 });
  }
}
