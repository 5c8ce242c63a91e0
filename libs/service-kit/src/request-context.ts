import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { Deadline, timeoutHeader } from './calls/deadline.js';
import { traceContextOf, type TraceContext } from './calls/trace-context.js';

/** The header field of the request id, in requests, in answers and in calls to other services. */
export const requestIdHeader = 'x-request-id';

const acceptable = /^[A-Za-z0-9._-]{1,64}$/;

/** The part of a Fastify request from which its context is made. */
interface ArrivedRequest {
  readonly id: string;
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
}

/** What everything that a request starts knows about it. */
interface RequestContext {
  readonly requestId: string;
  readonly trace: TraceContext;
  /** The time by which the caller wants the answer, if it says so. */
  readonly deadline: Deadline | undefined;
}

interface Context extends Partial<RequestContext> {
  /** The subject of the access token, after the guard has accepted the token. */
  readonly actor?: () => string | undefined;
}

const context = new AsyncLocalStorage<Context>();
const contexts = new WeakMap<object, Context & RequestContext>();

/** Returns the caller's request id if it is safe in a log line and in a header field. Otherwise makes a UUID. */
export function requestIdFor(header: string | string[] | undefined): string {
  return typeof header === 'string' && acceptable.test(header) ? header : randomUUID();
}

/** Returns the context of a request. It is made when the request arrives, so the deadline counts from then. */
export function contextOf(request: ArrivedRequest): RequestContext {
  const known = contexts.get(request);
  if (known) return known;
  const { id, headers = {} } = request;
  const made = {
    requestId: id,
    trace: traceContextOf(headers),
    deadline: Deadline.of(headers[timeoutHeader]),
    // The guard puts the claims there.
    actor: () => (request as { user?: { sub?: string } }).user?.sub,
  };
  contexts.set(request, made);
  return made;
}

/**
 * Runs `work` so that everything it starts, awaited or not, knows the request id, the trace and the deadline. After the
 * guard has accepted a token, it also knows the actor.
 */
export function withRequest<T>(request: ArrivedRequest, work: () => T): T {
  return context.run(contextOf(request), work);
}

/** Runs `work` with this actor, who is not a caller over HTTP: for example the operator at a console. */
export function withActor<T>(name: string, work: () => T): T {
  return context.run({ actor: () => name }, work);
}

/** Returns the id of the current request; undefined outside of a request. */
export function currentRequestId(): string | undefined {
  return context.getStore()?.requestId;
}

/** Returns the trace of the current request; undefined outside of a request. */
export function currentTrace(): TraceContext | undefined {
  return context.getStore()?.trace;
}

/** Returns the deadline of the current request; undefined if it has none. */
export function currentDeadline(): Deadline | undefined {
  return context.getStore()?.deadline;
}

/** Returns the actor of the current work. Undefined for work of the system itself, and for a caller without a token. */
export function currentActor(): string | undefined {
  return context.getStore()?.actor?.();
}
