import { performance } from 'node:perf_hooks';

/** What goes along with a request. */
export interface RequestParts {
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. Text is sent unchanged, so that a caller can send what is not JSON. */
  readonly body?: unknown;
}

/** One request and its answer, kept so that both can be shown. */
export interface Exchange<Body = unknown> {
  readonly method: string;
  readonly url: string;
  readonly sent: { readonly headers: Readonly<Record<string, string>>; readonly body?: unknown };
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed if it is JSON, text otherwise. Its type is what the caller expects; nothing checks it here. */
  readonly body: Body;
  readonly ms: number;
}

/** A rotation may hold its answer back for 10 s. */
const timeoutMs = 20_000;

/**
 * Sends one request and reads the whole answer. The tour, the tests and the benchmarks all send through it.
 *
 * @throws Error naming the URL if there is none
 */
export async function exchange<Body>(
  method: string,
  url: string,
  { token, headers: extra, body }: RequestParts = {},
): Promise<Exchange<Body>> {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...extra,
  };
  const begun = performance.now();
  try {
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const ms = performance.now() - begun;
    const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '');
    return {
      method,
      url,
      sent: { headers, body },
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson && text !== '' ? JSON.parse(text) : text) as Body,
      ms,
    };
  } catch (error) {
    const { message, cause } = error as Error;
    const detail =
      cause instanceof Error ? `${message}: ${cause.message || (cause as { code?: string }).code}` : message;
    throw new Error(`${method} ${url} got no answer (${detail})`, { cause: error });
  }
}
