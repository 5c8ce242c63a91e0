import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

/** The header that carries a request id in, out, and on to other services. */
export const requestIdHeader = 'x-request-id';

const acceptable = /^[A-Za-z0-9._-]{1,64}$/;
interface Context {
  readonly requestId?: string;
  /** Who acts: the subject of the access token, once the guard has accepted it. */
  readonly actor?: () => string | undefined;
}

const context = new AsyncLocalStorage<Context>();

/** The caller's request id if it is harmless in a log line and in a header; a fresh UUID otherwise. */
export function requestIdFor(header: string | string[] | undefined): string {
  return typeof header === 'string' && acceptable.test(header) ? header : randomUUID();
}

/**
 * Runs `work` so that everything it starts, awaited or not, knows the request id. After the guard it also knows who
 * acts.
 */
export function withRequest<T>(request: { readonly id: string }, work: () => T): T {
  // The guard puts the claims there.
  const actor = () => (request as { user?: { sub?: string } }).user?.sub;
  return context.run({ requestId: request.id, actor }, work);
}

/** Runs `work` as done by somebody who is no caller of HTTP, such as the operator at a console. */
export function withActor<T>(name: string, work: () => T): T {
  return context.run({ actor: () => name }, work);
}

/** The id of the request being handled, or undefined outside of one. */
export function currentRequestId(): string | undefined {
  return context.getStore()?.requestId;
}

/** Who caused what is being done; undefined for what the system does by itself, and for a caller without a token. */
export function currentActor(): string | undefined {
  return context.getStore()?.actor?.();
}
