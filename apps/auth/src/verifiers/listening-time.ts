/**
 * Measures for how long this process has been able to hear verifiers. Without that time, a verifier that was not heard
 * is not known to be gone. A process hears nothing while NATS is away. It also hears nothing while it does not run, for
 * example on a suspended machine, and after that its timers fire before the waiting messages are read.
 */
export class ListeningTime {
  /** In ms of the clock. Undefined while NATS is away. */
  private since: number | undefined;
  private lastRun = 0;
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param neededMs how long a process must have listened to know all verifiers. A pause of half this time begins it
   *   anew: verifiers acknowledge so often that a shorter pause makes none of them look silent for the whole time
   * @param clock monotonic, in ms
   */
  constructor(
    private readonly neededMs: number,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** NATS is connected from now on. */
  begin(): void {
    this.since = this.lastRun = this.clock();
    this.timer ??= setInterval(() => this.noticePause(), this.neededMs / 10).unref();
  }

  /** NATS is away, or this process stops. */
  end(): void {
    this.since = undefined;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Whether this process has listened without a pause for `neededMs`. */
  isLongEnough(): boolean {
    this.noticePause();
    return this.since !== undefined && this.clock() - this.since >= this.neededMs;
  }

  private noticePause(): void {
    const now = this.clock();
    if (this.since !== undefined && now - this.lastRun >= this.neededMs / 2) this.since = now;
    this.lastRun = now;
  }
}
