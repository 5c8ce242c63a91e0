/** Load for the running containers: readers of each service and buyers. They use the proxy and count their failures. */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { services } from '../../system/services.js';
import { exchange } from '../../tour/exchange.js';
import { portOf } from '../layout.js';
import { compose, urlOf } from './docker.js';

/** A failed request. `outcome` is the unexpected status, or an error message if there was no answer. */
interface Failure {
  /** The service, or `order` for a request of a buyer. */
  lane: string;
  outcome: string;
  retryAfter: string | null;
}

/** The load. It runs from `start` until `stop`. */
export class Load {
  reads = 0;
  /** The time of the last answered read of each service, in milliseconds since 1970. */
  readonly lastRead = new Map<string, number>();
  /** The Idempotency-Key of each wanted order, and the id of the order. Undefined: not answered yet. */
  readonly wanted = new Map<string, string | undefined>();
  /** The access tokens of the buyer, for orders. The last one is used. */
  readonly tokens: string[] = [];
  private failures: Failure[] = [];
  private readonly stopping = new AbortController();
  private ended: Promise<unknown> = Promise.resolve();
  private readonly person = {
    email: `load-${randomUUID()}@example.com`,
    password: randomBytes(18).toString('base64url'),
  };

  private constructor(readonly urls: Readonly<Record<string, string>>) {}

  /** Starts `lanes` readers of each service and as many buyers. Each pauses between two requests. */
  static async start({ lanes, pauseMs } = { lanes: 1, pauseMs: 25 }): Promise<Load> {
    const load = new Load(await publishedUrls());
    const { status } = await exchange('POST', `${load.urls['auth']}/auth/register`, { body: load.person });
    if (status !== 201) throw new Error(`the buyer could not be registered: ${status}`);
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

  /** Logs in. From now on, the readers and the buyers use the new token. */
  async logIn(): Promise<void> {
    const body = { ...this.person, audience: 'orders' };
    const answer = await exchange<{ access_token: string }>('POST', `${this.urls['auth']}/auth/login`, {
      body,
    });
    if (answer.status !== 200) throw new Error(`the buyer could not log in: ${answer.status}`);
    this.tokens.push(answer.body.access_token);
  }

  /** Returns the failures since the last call, and prints a line about them. */
  take(event: string): Failure[] {
    const taken = this.failures;
    this.failures = [];
    say(
      `${event}: ${this.reads} reads and ${this.wanted.size} orders so far, ${taken.length} attempts failed`,
    );
    return taken;
  }

  /** Stops the load. Resolves when all open requests are answered. */
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

  /** Places orders. Repeats each with its Idempotency-Key until the answer is 201, as a careful client does. */
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

  /** Sends a request. Returns the body of the answer if it has the expected status. */
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

/** Prints a line of the report. `console.log` is not used: jest would add the place in the code. */
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

/** Starts all containers that do not run yet, with the number of replicas that the specs expect. */
export async function startScaled(): Promise<void> {
  const scale = ['auth=2', 'orders=3', 'inventory=2'].flatMap((replicas) => ['--scale', replicas]);
  await compose('up', '--detach', '--wait', '--no-build', ...scale);
}

/** Repeats a check until it is true. @throws Error after `withinMs` milliseconds */
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
