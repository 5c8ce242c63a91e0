/** `open`: no request is sent. `half_open`: the open time is over, and one request may find out whether the callee is back. */
export type CircuitState = 'closed' | 'half_open' | 'open';

/** What one request told about the callee. `unknown`: nothing, for example because its time was too short. */
export type Health = 'up' | 'down' | 'unknown';

/** Reports the end of an admitted request. To be called once. */
type Report = (health: Health) => void;

interface CircuitOptions {
  /** How many requests in a row must find the callee down. */
  readonly failures?: number;
  readonly openMs?: number;
  /** Milliseconds, of a clock that never goes back. */
  readonly now?: () => number;
}

/**
 * The circuit breaker of one callee. After several requests in a row that found it down, it admits none for a while. Then
 * it admits one, the probe. If that finds the callee up, the circuit closes; if not, it stays open for the same time again.
 */
export class Circuit {
  private readonly failures: number;
  private readonly openMs: number;
  private readonly now: () => number;
  private failed = 0;
  /** Undefined while the circuit is closed. */
  private openUntil: number | undefined;
  private isProbing = false;

  constructor({ failures = 10, openMs = 2_000, now = () => performance.now() }: CircuitOptions = {}) {
    this.failures = failures;
    this.openMs = openMs;
    this.now = now;
  }

  get state(): CircuitState {
    if (this.openUntil === undefined) return 'closed';
    return this.now() < this.openUntil ? 'open' : 'half_open';
  }

  /** Admits a request, or returns after how many milliseconds one may be admitted. */
  admit(): Report | number {
    if (this.openUntil === undefined) return (health) => this.count(health);
    const waitMs = this.openUntil - this.now();
    if (waitMs > 0) return waitMs;
    // Nobody knows how long the probe takes.
    if (this.isProbing) return this.openMs;
    this.isProbing = true;
    return (health) => this.probed(health);
  }

  private count(health: Health): void {
    // Requests that were admitted before the circuit opened may end after it. Only the probe counts then.
    if (this.openUntil !== undefined || health === 'unknown') return;
    this.failed = health === 'up' ? 0 : this.failed + 1;
    if (this.failed >= this.failures) this.openUntil = this.now() + this.openMs;
  }

  private probed(health: Health): void {
    this.isProbing = false;
    if (health === 'down') this.openUntil = this.now() + this.openMs;
    if (health !== 'up') return;
    this.failed = 0;
    this.openUntil = undefined;
  }
}
