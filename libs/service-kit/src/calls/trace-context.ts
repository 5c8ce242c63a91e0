/** Trace Context of the W3C: one id for everything that one request of a client causes, in all services. */
import { randomBytes } from 'node:crypto';

export const traceparentHeader = 'traceparent';
export const tracestateHeader = 'tracestate';

/** What a service passes on. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Two hexadecimal digits. */
  readonly flags: string;
  /** What tracing systems have written into the request. It is passed on unchanged. */
  readonly state?: string | undefined;
}

/** §3.2.2: lower case only. Of a later version, the part that version 00 defines is read. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?$/;
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

type Field = string | string[] | undefined;

/**
 * Reads the trace context of a request. Without a valid `traceparent` a new trace begins, and `tracestate` is dropped
 * (§3.3). Also dropped is a `tracestate` of more than 512 characters.
 */
export function traceContextOf(headers: Readonly<Record<string, Field>>): TraceContext {
  const { [traceparentHeader]: parent, [tracestateHeader]: state } = headers;
  const [, version, traceId, flags, more] = (typeof parent === 'string' && TRACEPARENT.exec(parent)) || [];
  if (traceId === undefined || (version === '00' && more !== undefined)) return newTrace();
  return {
    traceId,
    flags: flags!,
    state: typeof state === 'string' && TRACESTATE.test(state) ? state : undefined,
  };
}

/** Begins a trace. The flags say that nothing is sampled: no spans are recorded here. */
export function newTrace(): TraceContext {
  return { traceId: randomBytes(16).toString('hex'), flags: '00' };
}

/** Makes the header fields of a request to the next service. Each request has a new parent id (§3.4). */
export function traceHeaders({ traceId, flags, state }: TraceContext): Record<string, string> {
  return {
    [traceparentHeader]: `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`,
    ...(state !== undefined && { [tracestateHeader]: state }),
  };
}
