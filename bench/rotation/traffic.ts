/**
 * Constant, bounded traffic. Each target has two lanes, one request at a time in each: one sends the newest token, the
 * other the token before, which after a rotation must go on being accepted and after a revocation must not.
 */
import { setMaxListeners } from 'node:events';
import { Agent, get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { judge, newGeneration, type Generation, type Verdict } from './verdict.js';

/** A process that verifies tokens. */
export interface Target {
  readonly name: string;
  readonly url: string;
}

/** What became of the requests to one target in one phase. */
export interface Tally {
  requests: number;
  readonly verdicts: Record<Verdict, number>;
  /** The statuses of wrong refusals. */
  readonly wrongStatuses: Map<number, number>;
}

export type Tallies = ReadonlyMap<string, Tally>;

const EVERY_MS = 20;
/** Right after a revocation the old token is sent this often, for as long. */
const BURST = { everyMs: 5, forMs: 250 };
const REQUEST_TIMEOUT_MS = 5_000;

export class Traffic {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 4 });
  private readonly stopping = new AbortController();
  private running: Promise<unknown> | undefined;
  private tallies: Map<string, Tally>;
  private previous: Generation | undefined;
  private current: Generation;

  constructor(
    private readonly targets: readonly Target[],
    token: string,
  ) {
    this.current = newGeneration(token);
    this.tallies = this.emptyTallies();
  }

  start(): void {
    setMaxListeners(0, this.stopping.signal);
    this.running = Promise.all(
      this.targets.flatMap((target) => [
        this.lane(target, () => this.current),
        this.lane(target, () => this.previous),
      ]),
    );
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    this.agent.destroy();
  }

  /** Counts from zero; requests under way still count for the phase in which they were sent. */
  beginPhase(): Tallies {
    this.previous = undefined;
    this.tallies = this.emptyTallies();
    return this.tallies;
  }

  /** Sends this token from now on, and the one before beside it. */
  use(token: string): void {
    // After a revocation the old lane has it already.
    if (this.current.revokeSentAt === undefined) this.previous = this.current;
    this.current = newGeneration(token);
  }

  /** Whether this target has accepted the present token. */
  hasAccepted({ name }: Target): boolean {
    return this.current.lastAccepted.has(name);
  }

  /** Says that the key of the present token is being revoked now. */
  revoking(): Generation {
    this.current.revokeSentAt = performance.now();
    this.previous = this.current;
    return this.current;
  }

  private emptyTallies(): Map<string, Tally> {
    return new Map(this.targets.map(({ name }) => [name, emptyTally()]));
  }

  private async lane(target: Target, pick: () => Generation | undefined): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const begun = performance.now();
      const generation = pick();
      if (generation) await this.send(target, generation);
      const { revokeSentAt = -Infinity } = generation ?? {};
      const everyMs = begun - revokeSentAt < BURST.forMs ? BURST.everyMs : EVERY_MS;
      const restMs = Math.max(0, everyMs - (performance.now() - begun));
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async send(target: Target, generation: Generation): Promise<void> {
    const tally = this.tallies.get(target.name)!;
    const sentAt = performance.now();
    const status = await this.statusOf(target.url, generation.token);
    const answeredAt = performance.now();
    const verdict = judge({ sentAt, answeredAt, status }, generation);
    tally.requests += 1;
    tally.verdicts[verdict] += 1;
    if (status === 200) generation.lastAccepted.set(target.name, answeredAt);
    if (verdict === 'wrongly refused')
      tally.wrongStatuses.set(status, (tally.wrongStatuses.get(status) ?? 0) + 1);
  }

  private statusOf(url: string, token: string): Promise<number> {
    return new Promise((resolve) => {
      const options = {
        agent: this.agent,
        headers: { authorization: `Bearer ${token}` },
        timeout: REQUEST_TIMEOUT_MS,
      };
      const request = get(`${url}/work`, options, (response) => {
        response.on('end', () => resolve(response.statusCode ?? 0)).on('error', () => resolve(0));
        response.resume();
      });
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', () => resolve(0));
    });
  }
}

function emptyTally(): Tally {
  const verdicts = { accepted: 0, refused: 0, undecided: 0, 'wrongly accepted': 0, 'wrongly refused': 0 };
  return { requests: 0, verdicts, wrongStatuses: new Map() };
}
