/** Readers of each service and buyers, who come through the proxy as any client does, and count what fails. */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { services } from '../../system/services.js';
import { exchange } from '../../tour/exchange.js';
import { portOf } from '../layout.js';
import { compose, urlOf } from './docker.js';

/** A request that was not answered as it should: with another status, or, if `outcome` is no number, not at all. */
export interface Failure {
  /** The service, or `order` for an attempt of the buyer. */
  lane: string;
  outcome: string;
  retryAfter: string | null;
}

/** Load on the running composition, from `start` until `stop`. */
export class Load {
  reads = 0;
  /** When a service last answered a read, in ms since the epoch. */
  readonly lastRead = new Map<string, number>();
  /** The Idempotency-Key of each order that was wanted, and the id of the order that it became. */
  readonly wanted = new Map<string, string | undefined>();
  /** Access tokens of the buyer, for orders; the newest is used. */
  readonly tokens: string[] = [];
  private failures: Failure[] = [];
  private readonly stopping = new AbortController();
  private ended: Promise<unknown> = Promise.resolve();
  private readonly person = {
    email: `load-${randomUUID()}@example.com`,
    password: randomBytes(18).toString('base64url'),
  };

  private constructor(readonly urls: Readonly<Record<string, string>>) {}

  /** `lanes` readers of each service and as many buyers, each with a pause between two requests. */
  static async start({ lanes, pauseMs } = { lanes: 1, pauseMs: 25 }): Promise<Load> {
    const load = new Load(await publishedUrls());
    const { status } = await exchange('POST', `${load.urls['auth']}/auth/register`, { body: load.person });
    if (status !== 201) throw new Error(`the buyer was not registered: ${status}`);
    await load.logIn();
    const lane = () => [
      load.read('orders', '/orders?limit=1', pauseMs, () => ({ token: load.tokens.at(-1)! })),
      load.read('inventory', '/products', pauseMs),
      load.read('auth', '/.well-known/jwks.json', pauseMs),
      load.buy(4 * pauseMs),
    ];
    load.ended = Promise.all(Array.from({ length: lanes }, lane).flat());
    return load;
  }

  /** The token of a login now, which the readers and the buyer use from here on. */
  async logIn(): Promise<void> {
    const body = { ...this.person, audience: 'orders' };
    const answer = await exchange<{ access_token: string }>('POST', `${this.urls['auth']}/auth/login`, {
      body,
    });
    if (answer.status !== 200) throw new Error(`the buyer was not let in: ${answer.status}`);
    this.tokens.push(answer.body.access_token);
  }

  /** What failed since the last time, told in a line of the report. */
  take(event: string): Failure[] {
    const taken = this.failures;
    this.failures = [];
    say(
      `${event}: ${this.reads} reads and ${this.wanted.size} orders so far, ${taken.length} attempts failed`,
    );
    return taken;
  }

  /** Ends when the requests on their way are answered. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
  }

  private async read(
    lane: string,
    path: string,
    pauseMs: number,
    parts: () => { token?: string } = () => ({}),
  ): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const status = await this.attempt(lane, 'GET', path, parts(), 200);
      this.reads += 1;
      if (status !== undefined) this.lastRead.set(lane, Date.now());
      await sleep(pauseMs);
    }
  }

  /** Places orders, and repeats each under its Idempotency-Key until it is answered 201, as a careful client does. */
  private async buy(pauseMs: number): Promise<void> {
    const body = { lines: [{ sku: 'WAX-RED', quantity: 1 }] };
    while (!this.stopping.signal.aborted) {
      const key = randomUUID();
      this.wanted.set(key, undefined);
      await until(async () => {
        const parts = { token: this.tokens.at(-1)!, headers: { 'idempotency-key': key }, body };
        const order = await this.attempt<{ id: string }>('order', 'POST', '/orders', parts, 201);
        if (order !== undefined) this.wanted.set(key, order.id);
        return order !== undefined;
      }, 60_000);
      await sleep(pauseMs);
    }
  }

  /** The body of the answer, if it has the status that is expected. */
  private async attempt<Body>(
    lane: string,
    method: string,
    path: string,
    parts: Parameters<typeof exchange>[2],
    expected: number,
  ): Promise<Body | undefined> {
    const url = `${this.urls[lane === 'order' ? 'orders' : lane]}${path}`;
    const answer = await exchange<Body>(method, url, parts).catch((error: Error) => error);
    if (answer instanceof Error) {
      this.failures.push({ lane, outcome: answer.message, retryAfter: null });
      return undefined;
    }
    if (answer.status === expected) return answer.body;
    this.failures.push({ lane, outcome: `${answer.status}`, retryAfter: answer.headers.get('retry-after') });
    return undefined;
  }
}

/** A line of the report, without the place in the code that jest would add. */
export function say(line: string): void {
  process.stderr.write(`  ${line}\n`);
}

/** Waits until every container of a service is healthy. */
export async function healthy(service: string): Promise<void> {
  await until(async () => {
    const states = await compose('ps', '--format', '{{.Health}}', service);
    return states.split('\n').every((state) => state === 'healthy');
  }, 60_000);
}

/** Starts what does not run yet, with as many replicas as the specs expect. */
export async function startScaled(): Promise<void> {
  const scale = ['auth=2', 'orders=3', 'inventory=2'].flatMap((replicas) => ['--scale', replicas]);
  await compose('up', '--detach', '--wait', '--no-build', ...scale);
}

/** Asks until something holds. @throws Error when it does not within the time */
export async function until(holds: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${holds.toString()}`);
    await sleep(100);
  }
}

async function publishedUrls(): Promise<Record<string, string>> {
  const urls = services.map(async (row) => [row.name, await urlOf(row.name, portOf(row))] as const);
  return Object.fromEntries(await Promise.all(urls));
}
