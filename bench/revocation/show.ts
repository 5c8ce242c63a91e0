/** Shows a token to a service, and says what became of it. */
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { guardedServices } from '../../infra/system/services.js';

/** `strange`: neither the answer of an accepted token nor that of a refused one. */
export type Verdict = 'accepted' | 'refused' | 'strange';

export interface Shown {
  readonly verdict: Verdict;
  readonly sentAt: number;
  readonly answeredAt: number;
}

const TIMEOUT_MS = 5_000;

/** A guarded route of each service. auth accepts tokens for any service at this one. */
const routes = new Map<string, { route: string; body?: object }>([
  ['auth', { route: 'GET /auth/me' }],
  ...guardedServices.map(({ name, guardedRoute }) => [name, guardedRoute] as const),
]);

export class Client {
  private readonly agent = new Agent({ keepAlive: true });

  constructor(private readonly urls: Readonly<Record<string, string>>) {}

  async show(place: string, token: string): Promise<Shown> {
    const { route, body } = routes.get(place)!;
    const [method = '', path = ''] = route.split(' ');
    const sentAt = performance.now();
    const content = body ? JSON.stringify(body) : '';
    const status = await this.send(method, `${this.urls[place]}${path}`, token, content);
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
  private send(method: string, url: string, token: string, body = ''): Promise<number> {
    return new Promise((resolve) => {
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
