/**
 * Takes up what other replicas have issued. Whoever may acknowledge can ask for it with a lie, so it is bounded: one
 * question to the database at a time, at most one in a short while, and a limit on those who wait for the answer.
 */

/** Each may hold an acknowledgement of 16 KiB. */
export const MAX_WAITING = 256;
export const CATCH_UP_MS = 50;

// Not by `shareRuns`: who asks again within the short while gets the last answer and does not wait.
export class CatchUp {
  /** Unset once it has ended and the short while is over. */
  private current: Promise<void> | undefined;
  private last: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly refresh: () => Promise<unknown>) {}

  /** Resolves when it is caught up. Returns false at once if too many wait already. */
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
    // Without the database nothing newer is known.
    this.last = this.refresh().then(
      () => undefined,
      () => undefined,
    );
    const pause = new Promise<void>((resolve) => void setTimeout(resolve, CATCH_UP_MS).unref());
    void Promise.all([this.last, pause]).then(() => (this.current = undefined));
    return this.last;
  }
}
