import type { z } from 'zod';
import { currentRequestId, requestIdHeader } from './request-context.js';
import { ServiceError } from './service-error.js';
import { decodeUtf8 } from './strict-json.js';

/** The ways in which a call to another service fails. */
type UpstreamCode = 'upstream_unavailable' | 'upstream_timeout' | 'upstream_invalid';

/** The address of the other service, and the limits for its answers. */
interface ServiceClientOptions {
  /** No slash at the end. */
  readonly baseUrl: string;
  /** The limit for one attempt, to the last byte of the answer. Milliseconds; default 2000. */
  readonly timeoutMs?: number;
  /** The limit for the body of an answer. Bytes; default 1 MiB. */
  readonly maxResponseBytes?: number;
  readonly fetch?: typeof fetch;
}

type Expected = Readonly<Record<number, z.ZodType>>;

/** One call. `expect` lists the statuses that mean something to the caller, each with the schema of its body. */
interface ServiceCall<E extends Expected> {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Begins with a slash. The caller encodes the values in it (`encodeURIComponent`). */
  readonly path: string;
  readonly expect: E;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer. Its status decides the type of its body. */
type ServiceAnswer<E extends Expected> = {
  [S in keyof E & number]: { readonly status: S; readonly body: z.output<E[S]> };
}[keyof E & number];

const attemptsOfSafeMethods = 2;
const passing = new Set([502, 503, 504]);

/**
 * Calls one other service over REST. It repeats GET and HEAD once after a network error or a 502, 503 or 504. It
 * follows no redirect, and it sends the request id. Nothing in an answer is used before its schema has accepted it.
 */
export class ServiceClient {
  private readonly timeoutMs: number;
  private readonly maxResponseBytes: number;
  private readonly fetch: typeof fetch;

  constructor(private readonly options: ServiceClientOptions) {
    this.timeoutMs = options.timeoutMs ?? 2000;
    this.maxResponseBytes = options.maxResponseBytes ?? 1024 * 1024;
    this.fetch = options.fetch ?? fetch;
  }

  /** @throws ServiceError with an `UpstreamCode`. Its cause is for the log. */
  async call<const E extends Expected>(call: ServiceCall<E>): Promise<ServiceAnswer<E>> {
    const { method = 'GET', path, expect } = call;
    const what = `${method} ${this.options.baseUrl}${path}`;
    const response = await this.send(what, method, call);
    const schema = expect[response.status];
    if (!schema) {
      await response.body?.cancel();
      const code =
        response.status >= 500 || response.status === 429 ? 'upstream_unavailable' : 'upstream_invalid';
      throw upstream(code, `${what} answered ${response.status}`);
    }
    const parsed = schema.safeParse(await this.readJson(what, response));
    if (!parsed.success) throw upstream('upstream_invalid', `${what} answered another shape`, parsed.error);
    return { status: response.status, body: parsed.data } as ServiceAnswer<E>;
  }

  private async send(what: string, method: string, { path, body, headers, expect }: ServiceCall<Expected>) {
    const requestId = currentRequestId();
    const init: RequestInit = {
      method,
      redirect: 'manual',
      headers: {
        accept: 'application/json',
        ...(requestId && { [requestIdHeader]: requestId }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    const attempts = method === 'GET' || method === 'HEAD' ? attemptsOfSafeMethods : 1;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const signal = AbortSignal.timeout(this.timeoutMs);
        const response = await this.fetch(`${this.options.baseUrl}${path}`, { ...init, signal });
        if (attempt === attempts || !passing.has(response.status) || expect[response.status]) return response;
        await response.body?.cancel();
      } catch (cause) {
        if (isTimeout(cause))
          throw upstream('upstream_timeout', `${what} took over ${this.timeoutMs} ms`, cause);
        if (attempt === attempts) throw upstream('upstream_unavailable', `${what} failed`, cause);
      }
    }
  }

  /** Reads the body. The timeout of the attempt also applies here. */
  private async readJson(what: string, response: Response): Promise<unknown> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        size += chunk.byteLength;
        if (size > this.maxResponseBytes) throw upstream('upstream_invalid', `${what} answered too much`);
        chunks.push(chunk);
      }
    } catch (cause) {
      if (cause instanceof ServiceError) throw cause;
      if (isTimeout(cause))
        throw upstream('upstream_timeout', `${what} took over ${this.timeoutMs} ms`, cause);
      throw upstream('upstream_unavailable', `${what} broke off`, cause);
    }
    if (size === 0) return undefined;
    try {
      return JSON.parse(decodeUtf8(Buffer.concat(chunks)));
    } catch (cause) {
      throw upstream('upstream_invalid', `${what} answered no JSON`, cause);
    }
  }
}

function upstream(code: UpstreamCode, message: string, cause?: unknown): ServiceError<UpstreamCode> {
  const retryAfterSeconds = code === 'upstream_invalid' ? {} : { retryAfterSeconds: 1 };
  return new ServiceError(code, { message, cause, ...retryAfterSeconds });
}

function isTimeout(error: unknown): boolean {
  return (error as { name?: unknown } | null)?.name === 'TimeoutError';
}
