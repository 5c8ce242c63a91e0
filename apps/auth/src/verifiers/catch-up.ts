/**
 * Asks the database for statements of other replicas. A false acknowledgement can cause this, so it is bounded: one
 * question at a time, at most one question in {@link CATCH_UP_MS}, and at most {@link MAX_WAITING} messages that wait.
 */

/** Each waiting message has 16 KiB at most. */
export const MAX_WAITING = 256;
export const CATCH_UP_MS = 50;

// `shareRuns` does not fit: a caller within CATCH_UP_MS gets the last answer and does not wait for a new one.
export class CatchUp {
  /** The last question. Undefined when it has ended and CATCH_UP_MS are over. */
  private current: Promise<void> | undefined;
  private last: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly refresh: () => Promise<unknown>) {}

  /** Resolves when the question is answered. Returns false at once if too many wait already. */
  ask(): Promise<boolean> {
    return this.wait(() => (this.current ??= this.start()));
  }

  /** Resolves when the last question has been answered. Returns false at once if too many wait already. */
  settle(): Promise<boolean> {
    return this.wait(() => this.last);
  }

  private async wait(what: () => Promise<void>): Promise<boolean> {
    if (this.waiting >= MAX_WAITING) return false;
    this.waiting += 1;
    await what();
    this.waiting -= 1;
    return true;
  }

  private start(): Promise<void> {
    // If the database is away, this replica learns nothing newer.
    this.last = this.refresh().then(
      () => undefined,
      () => undefined,
    );
    const pause = new Promise<void>((resolve) => void setTimeout(resolve, CATCH_UP_MS).unref());
    void Promise.all([this.last, pause]).then(() => (this.current = undefined));
    return this.last;
  }
}
