/** Shows a token to a service, and says what became of it. */
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { Place } from './sessions.js';

/** `strange`: neither the answer of an accepted token nor that of a refused one. */
export type Verdict = 'accepted' | 'refused' | 'strange';

export interface Shown {
  readonly verdict: Verdict;
  readonly sentAt: number;
  readonly answeredAt: number;
}

const TIMEOUT_MS = 5_000;

/** A guarded route of each service, one that does little. inventory has none that only reads. */
const routes = {
  auth: ['GET', '/auth/me'],
  orders: ['GET', '/orders?limit=1'],
  inventory: ['PUT', '/products/WAX-RED/stock'],
} as const satisfies Record<Place, readonly [string, string]>;

export class Client {
  private readonly agent = new Agent({ keepAlive: true });

  constructor(private readonly urls: Readonly<Record<string, string>>) {}

  async show(place: Place, token: string): Promise<Shown> {
    const [method, path] = routes[place];
    const sentAt = performance.now();
    const status = await this.send(method, `${this.urls[place]}${path}`, token);
    const verdict = status === 200 ? 'accepted' : status === 401 ? 'refused' : 'strange';
    return { verdict, sentAt, answeredAt: performance.now() };
  }

  /** @throws Error unless it is answered 204 */
  async logOut(token: string): Promise<{ sentAt: number; answeredAt: number }> {
    const sentAt = performance.now();
    const status = await this.send('POST', `${this.urls['auth']}/auth/logout`, token);
    if (status !== 204) throw new Error(`a logout was answered ${status}`);
    return { sentAt, answeredAt: performance.now() };
  }

  close(): void {
    this.agent.destroy();
  }

  /** Returns the status; 0 if there was no answer. */
  private send(method: string, url: string, token: string): Promise<number> {
    return new Promise((resolve) => {
      const body = method === 'PUT' ? '{"stock":100}' : '';
      const headers = {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json', 'content-length': body.length }),
      };
      const sent = request(url, { method, headers, agent: this.agent, timeout: TIMEOUT_MS }, (response) => {
        response.on('end', () => resolve(response.statusCode ?? 0)).on('error', () => resolve(0));
        response.resume();
      });
      sent.on('timeout', () => sent.destroy(new Error('no answer')));
      sent.on('error', () => resolve(0));
      sent.end(body);
    });
  }
}
