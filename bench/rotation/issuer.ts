/** The issuer as its administrator and a customer use it, over HTTP. */
import type { Credentials } from '../../infra/composition/secrets.js';

export interface RotateAnswer {
  readonly kid: string;
  /** Not there while the rotation still waits after 10 s. */
  readonly waitedMs?: number;
  readonly waitingFor?: readonly string[];
}

export interface RevokeAnswer {
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

  /** A token for orders, signed by the key that is active. */
  loginCustomer(): Promise<string> {
    return this.login(this.credentials.demo);
  }

  async activeKid(): Promise<string> {
    const { keys } = await this.admin<{ keys: { kid: string; status: string }[] }>('GET', '/admin/keys');
    return keys.find(({ status }) => status === 'active')!.kid;
  }

  rotate(): Promise<RotateAnswer> {
    return this.admin('POST', '/admin/keys/rotate', {});
  }

  revoke(kid: string): Promise<RevokeAnswer> {
    return this.admin('POST', `/admin/keys/${kid}/revoke`, { reason: 'bench' });
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
