import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

/** The header field of the request id, in requests, in answers and in calls to other services. */
export const requestIdHeader = 'x-request-id';

const acceptable = /^[A-Za-z0-9._-]{1,64}$/;
interface Context {
  readonly requestId?: string;
  /** The subject of the access token, after the guard has accepted the token. */
  readonly actor?: () => string | undefined;
}

const context = new AsyncLocalStorage<Context>();

/** Returns the caller's request id if it is safe in a log line and in a header field. Otherwise makes a UUID. */
export function requestIdFor(header: string | string[] | undefined): string {
  return typeof header === 'string' && acceptable.test(header) ? header : randomUUID();
}

/**
 * Runs `work` so that everything it starts, awaited or not, knows the request id. After the guard has accepted a token,
 * it also knows the actor.
 */
export function withRequest<T>(request: { readonly id: string }, work: () => T): T {
  // The guard puts the claims there.
  const actor = () => (request as { user?: { sub?: string } }).user?.sub;
  return context.run({ requestId: request.id, actor }, work);
}

/** Runs `work` with this actor, who is not a caller over HTTP: for example the operator at a console. */
export function withActor<T>(name: string, work: () => T): T {
  return context.run({ actor: () => name }, work);
}

/** Returns the id of the current request; undefined outside of a request. */
export function currentRequestId(): string | undefined {
  return context.getStore()?.requestId;
}

/** Returns the actor of the current work. Undefined for work of the system itself, and for a caller without a token. */
export function currentActor(): string | undefined {
  return context.getStore()?.actor?.();
}
