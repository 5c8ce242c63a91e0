/** The time by which a call must have ended, with everything that it causes. */

/**
 * The header field of the remaining time, in whole milliseconds. No RFC has one. It is a duration, as `grpc-timeout` is,
 * because the clocks of two machines differ. The time on the wire is not subtracted.
 */
export const timeoutHeader = 'x-request-timeout-ms';

/** Up to about 11 days. More, or anything else, is not what a client means. */
const TIMEOUT = /^\d{1,9}$/;

export class Deadline {
  /** @param at by the clock of `performance.now()` */
  private constructor(private readonly at: number) {}

  static after(milliseconds: number): Deadline {
    return new Deadline(performance.now() + milliseconds);
  }

  /**
   * Reads the header field of a request. Undefined if it is absent. A value that is not a whole number is ignored: it can
   * only shorten what this service does, so without it nothing is less safe.
   */
  static of(field: string | string[] | undefined): Deadline | undefined {
    return typeof field === 'string' && TIMEOUT.test(field) ? Deadline.after(Number(field)) : undefined;
  }

  earlier(other: Deadline | undefined): Deadline {
    return other !== undefined && other.at < this.at ? other : this;
  }

  /** Milliseconds, not below 0. */
  remainingMs(): number {
    return Math.max(0, this.at - performance.now());
  }

  get hasPassed(): boolean {
    return this.at <= performance.now();
  }

  /** Aborts with a `TimeoutError` when the deadline passes. */
  signal(): AbortSignal {
    return AbortSignal.timeout(Math.ceil(this.remainingMs()));
  }
}
