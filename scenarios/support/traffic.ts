import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** What came back from each lane: how often which status. 0 stands for no answer. */
export type Counts = Readonly<Record<string, Readonly<Record<number, number>>>>;

/** Requests of clients that never pause: each lane asks again `everyMs` after its last answer, until `stop`. */
export class Traffic {
  private readonly tally: Record<string, Record<number, number>> = {};
  private readonly stopping = new AbortController();
  private readonly running: Promise<unknown>;

  /** @param lanes named requests that resolve with a status, one after another in each lane */
  constructor(
    lanes: Readonly<Record<string, () => Promise<number>>>,
    private readonly everyMs = 20,
  ) {
    this.running = Promise.all(Object.entries(lanes).map(([name, request]) => this.run(name, request)));
  }

  /** What has come back so far. */
  get counts(): Counts {
    return structuredClone(this.tally);
  }

  /** Ends all lanes after their present request. */
  async stop(): Promise<Counts> {
    this.stopping.abort();
    await this.running;
    return this.counts;
  }

  private async run(name: string, request: () => Promise<number>): Promise<void> {
    const counts: Record<number, number> = (this.tally[name] = {});
    while (!this.stopping.signal.aborted) {
      const status = await request().catch(() => 0);
      counts[status] = (counts[status] ?? 0) + 1;
      await sleep(this.everyMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }
}

/**
 * Repeats a request until it is answered with `status`, and gives the milliseconds from the call to that answer.
 *
 * @throws Error after `withinMs`, naming the last status
 */
export async function timeUntil(
  status: number,
  request: () => Promise<number>,
  { withinMs = 5_000, since = performance.now() } = {},
): Promise<number> {
  for (;;) {
    const answered = await request().catch(() => 0);
    const tookMs = performance.now() - since;
    if (answered === status) return tookMs;
    if (tookMs > withinMs) throw new Error(`still answered ${answered}, not ${status}, after ${withinMs} ms`);
    await sleep(2); // so that the question does not delay its own answer
  }
}
