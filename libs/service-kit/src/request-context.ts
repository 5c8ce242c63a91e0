import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

/** The header that carries a request id in, out, and on to other services. */
export const requestIdHeader = 'x-request-id';

const acceptable = /^[A-Za-z0-9._-]{1,64}$/;
const context = new AsyncLocalStorage<string>();

/** The caller's request id if it is harmless in a log line and in a header; a fresh UUID otherwise. */
export function requestIdFor(header: string | string[] | undefined): string {
  return typeof header === 'string' && acceptable.test(header) ? header : randomUUID();
}

/** Runs `work` so that everything it starts, awaited or not, knows the request id. */
export function withRequestId<T>(requestId: string, work: () => T): T {
  return context.run(requestId, work);
}

/** The id of the request being handled, or undefined outside of one. */
export function currentRequestId(): string | undefined {
  return context.getStore();
}
