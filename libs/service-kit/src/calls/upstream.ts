/** Sends requests to one other service: the deadline, repeats, the circuit, and the limits for an answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { currentRequestId, currentTrace, requestIdHeader } from '../request-context.js';
import { ServiceError } from '../service-error.js';
import { Circuit, type Health } from './circuit.js';
import { timeoutHeader, type Deadline } from './deadline.js';
import { newTrace, traceHeaders } from './trace-context.js';

/** The ways in which a call to another service fails. */
export type UpstreamCode = 'upstream_unavailable' | 'upstream_timeout' | 'upstream_invalid';

interface Failure {
  readonly cause?: unknown;
  /** The callee asks to wait so long, or the circuit does. Default: 0. */
  readonly waitMs?: number | undefined;
  /** Whether the same request may succeed a moment later. */
  readonly isPassing?: boolean;
}

/** A call that failed. The message and the cause are for the log only. They contain no token. */
export class UpstreamError extends ServiceError<UpstreamCode> {
  readonly waitMs: number;
  readonly isPassing: boolean;
  /** False if the callee cannot have received the request: auth gave no token for it. */
  wasSent = true;

  constructor(code: UpstreamCode, message: string, { cause, waitMs = 0, isPassing = false }: Failure = {}) {
    const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
    super(code, { message, cause, ...(code !== 'upstream_invalid' && { retryAfterSeconds }) });
    this.waitMs = waitMs;
    this.isPassing = isPassing;
  }
}

export interface UpstreamOptions {
  /** The name of the service. */
  readonly name: string;
  /** No slash at the end. */
  readonly baseUrl: string;
  /** The limit for one call with all of its repeats, to the last byte of the answer. Milliseconds; default 2000. */
  readonly timeoutMs?: number;
  /** The limit for the body of an answer. Bytes; default 1 MiB. */
  readonly maxResponseBytes?: number;
  readonly circuit?: Circuit;
  readonly fetch?: typeof fetch;
}

interface UpstreamRequest {
  readonly method: string;
  readonly path: `/${string}`;
  /** Whether it may be sent again after a failure. */
  readonly repeatable: boolean;
  readonly deadline: Deadline;
  /** The statuses that mean something to the caller. Any other is a failure. */
  readonly wanted: (status: number) => boolean;
  /** Makes the header fields and the body of each attempt. */
  readonly parts: () => Promise<{ headers: Readonly<Record<string, string>>; body?: string | undefined }>;
}

interface UpstreamAnswer {
  readonly status: number;
  readonly body: Buffer;
}

const MAX_ATTEMPTS = 3;
const FIRST_BACKOFF_MS = 100;
const MAX_WAIT_MS = 3_600_000;
/** The callee, or a proxy before it, says with these that it is down. */
const downStatuses = new Set([502, 503, 504]);

export class Upstream {
  readonly name: string;
  readonly timeoutMs: number;
  readonly circuit: Circuit;
  private readonly baseUrl: string;
  private readonly maxResponseBytes: number;
  private readonly fetch: typeof fetch;

  constructor(options: UpstreamOptions) {
    this.name = options.name;
    this.baseUrl = options.baseUrl;
    this.timeoutMs = options.timeoutMs ?? 2000;
    this.maxResponseBytes = options.maxResponseBytes ?? 1024 * 1024;
    this.circuit = options.circuit ?? new Circuit();
    this.fetch = options.fetch ?? fetch;
  }

  /**
   * Sends a request, and follows no redirect. It sends a repeatable one up to three times, if the connection fails or the
   * answer is 502, 503 or 504. Before each repeat it waits for a random time, or as long as `Retry-After` says. It does
   * not begin a wait that is longer than the deadline.
   *
   * @throws UpstreamError
   */
  async send(request: UpstreamRequest): Promise<UpstreamAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.attempt(request);
      } catch (error) {
        if (!(error instanceof UpstreamError) || !error.isPassing) throw error;
        if (!request.repeatable || attempt === MAX_ATTEMPTS) throw error;
        // At random, so that callers that failed together do not repeat together.
        const backoffMs = Math.random() * FIRST_BACKOFF_MS * 2 ** (attempt - 1);
        const waitMs = Math.max(backoffMs, error.waitMs);
        if (waitMs >= request.deadline.remainingMs()) throw error;
        await sleep(waitMs);
      }
    }
  }

  private async attempt(request: UpstreamRequest): Promise<UpstreamAnswer> {
    const what = `${request.method} ${this.baseUrl}${request.path}`;
    const parts = await request.parts();
    const remainingMs = request.deadline.remainingMs();
    if (remainingMs < 1) throw new UpstreamError('upstream_timeout', `${what}: the deadline has passed`);
    const report = this.circuit.admit();
    if (typeof report === 'number')
      throw new UpstreamError('upstream_unavailable', `${what}: ${this.name} is down`, { waitMs: report });
    let health: Health = 'up';
    try {
      return await this.exchange(what, request, parts);
    } catch (error) {
      const { code, isPassing } = error as Partial<UpstreamError>;
      // A caller can allow any short time. Only a long one says something about the callee.
      const wasLong = remainingMs >= this.timeoutMs / 2;
      if (code === 'upstream_timeout') health = wasLong ? 'down' : 'unknown';
      else if (isPassing) health = 'down';
      throw error;
    } finally {
      report(health);
    }
  }

  private async exchange(
    what: string,
    { method, path, deadline, wanted }: UpstreamRequest,
    { headers, body }: Awaited<ReturnType<UpstreamRequest['parts']>>,
  ): Promise<UpstreamAnswer> {
    const requestId = currentRequestId();
    try {
      const response = await this.fetch(`${this.baseUrl}${path}`, {
        method,
        redirect: 'manual',
        signal: deadline.signal(),
        headers: {
          accept: 'application/json',
          ...headers,
          ...traceHeaders(currentTrace() ?? newTrace()),
          ...(requestId && { [requestIdHeader]: requestId }),
          [timeoutHeader]: String(Math.floor(deadline.remainingMs())),
        },
        ...(body !== undefined && { body }),
      });
      const { status } = response;
      if (wanted(status)) return { status, body: await this.read(what, response) };
      await response.body?.cancel();
      throw unexpected(what, response);
    } catch (cause) {
      if (cause instanceof UpstreamError) throw cause;
      if ((cause as { name?: unknown } | null)?.name === 'TimeoutError')
        throw new UpstreamError('upstream_timeout', `${what} took too long`, { cause });
      throw new UpstreamError('upstream_unavailable', `${what} failed`, { cause, isPassing: true });
    }
  }

  private async read(what: string, { body }: Response): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > this.maxResponseBytes)
        throw new UpstreamError('upstream_invalid', `${what} answered too much`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

function unexpected(what: string, { status, headers }: Response): UpstreamError {
  const message = `${what} answered ${status}`;
  if (status < 500 && status !== 429) return new UpstreamError('upstream_invalid', message);
  const waitMs = retryAfterMs(headers.get('retry-after'));
  // The callee answers 504 also if the deadline that we sent has passed.
  const code = status === 504 ? 'upstream_timeout' : 'upstream_unavailable';
  return new UpstreamError(code, message, { waitMs, isPassing: downStatuses.has(status) });
}

/** Reads a `Retry-After`: seconds or a date (RFC 9110 §10.2.3). Undefined if it is absent or neither. At most an hour. */
function retryAfterMs(field: string | null): number | undefined {
  if (field === null) return undefined;
  const waitMs = /^\d+$/.test(field) ? Number(field) * 1000 : Date.parse(field) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(0, waitMs), MAX_WAIT_MS);
}
