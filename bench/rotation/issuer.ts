/** The issuer as its administrator and a customer use it, over HTTP. */
import { performance } from 'node:perf_hooks';
import { eventually } from '#testing';
import type { Credentials } from '../../infra/system/secrets.js';

export interface RevokeAnswer {
  readonly epoch: number;
  readonly activeKid: string | null;
  readonly waitedMs: number;
  readonly silent: readonly string[];
}

/** What auth's process has used up, by its own count. */
export interface ProcessFacts {
  readonly cpuSeconds: number;
  /** Since the last time it was asked. */
  readonly eventLoopMaxMs: number;
}

const TIMEOUT_MS = 20_000;

export class Issuer {
  private adminToken = '';

  constructor(
    readonly url: string,
    private readonly credentials: Credentials,
  ) {}

  /** To be done again after the key that signed the last one was revoked. */
  async loginAdmin(): Promise<void> {
    this.adminToken = await this.login(this.credentials.admin);
  }

  /** A token for the service that customers use, signed by the key that is active. */
  loginCustomer(): Promise<string> {
    return this.login(this.credentials.demo);
  }

  async activeKid(): Promise<string> {
    const { keys } = await this.keys();
    return keys.find(({ status }) => status === 'active')!.kid;
  }

  /** Resolves once the new key is active; @returns milliseconds, of the call and of the wait after it. */
  async rotate(): Promise<number> {
    const begun = performance.now();
    const { waitedMs } = await this.admin<{ waitedMs?: number }>('POST', '/admin/keys/rotate', {});
    // The call gives up after 10 s; the rotation does not.
    if (waitedMs === undefined)
      await eventually(async () => (await this.keys()).rotation === null, { timeoutMs: 60_000 });
    return performance.now() - begun;
  }

  revoke(kid: string): Promise<RevokeAnswer> {
    return this.admin('POST', `/admin/keys/${kid}/revoke`, { reason: 'unspecified' });
  }

  async verifiers(): Promise<{ complete: boolean; services: string[] }> {
    type Answer = { complete: boolean; verifiers: { service: string }[] };
    const { complete, verifiers } = await this.admin<Answer>('GET', '/admin/verifiers');
    return { complete, services: verifiers.map(({ service }) => service) };
  }

  async processFacts(): Promise<ProcessFacts> {
    const response = await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    return {
      cpuSeconds: value('process_cpu_seconds_total'),
      eventLoopMaxMs: value('nodejs_eventloop_lag_max_seconds') * 1000,
    };
  }

  private keys(): Promise<{ keys: { kid: string; status: string }[]; rotation: unknown }> {
    return this.admin('GET', '/admin/keys');
  }

  private async login({ email, password }: Credentials['admin']): Promise<string> {
    const answer = await this.send<{ access_token: string }>('POST', '/auth/login', { email, password });
    return answer.access_token;
  }

  private admin<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.send(method, path, body, { authorization: `Bearer ${this.adminToken}` });
  }

  private async send<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }
}
