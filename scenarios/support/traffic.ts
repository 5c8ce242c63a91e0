import { expect } from '@jest/globals';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '#testing';

/** What came back from each lane: how often which status. 0 stands for no answer. */
export type Counts = Readonly<Record<string, Readonly<Record<number, number>>>>;

/** Named requests; each resolves with a status. */
export type Lanes = Readonly<Record<string, () => Promise<number>>>;

/** Requests of clients that never pause: each lane asks again `everyMs` after its last answer, until `stop`. */
export class Traffic {
  private readonly tally: Record<string, Record<number, number>> = {};
  private readonly stopping = new AbortController();
  private readonly running: Promise<unknown>;

  constructor(
    lanes: Lanes,
    private readonly everyMs = 50,
  ) {
    this.running = Promise.all(Object.entries(lanes).map(([name, request]) => this.run(name, request)));
  }

  /** What has come back so far. */
  get counts(): Counts {
    return structuredClone(this.tally);
  }

  /** Resolves when each lane has been answered `more` times from now on. */
  async untilAnswered(more: number): Promise<void> {
    const before = this.totals();
    await eventually(() =>
      Object.entries(this.totals()).every(([lane, total]) => total >= (before[lane] ?? 0) + more),
    );
  }

  /** Ends all lanes after their present request. */
  async stop(): Promise<Counts> {
    this.stopping.abort();
    await this.running;
    return this.counts;
  }

  private totals(): Record<string, number> {
    const sum = (counts: Record<number, number>) => Object.values(counts).reduce((a, b) => a + b, 0);
    return Object.fromEntries(Object.entries(this.tally).map(([lane, counts]) => [lane, sum(counts)]));
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

/** Insists that every lane got answers, and nothing but 200. */
export function expectOnly200(counts: Counts): void {
  for (const [lane, answers] of Object.entries(counts))
    expect({ lane, answers }).toEqual({ lane, answers: { 200: expect.any(Number) } });
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
