/**
 * Calls other services over REST. An application writes a typed call and says whose power it uses; the rest is done here:
 *
 *   service-client   one call: the token, the schema of the answer, one more try after a 401
 *   service-tokens   held tokens; token-endpoint asks auth for them, client-assertion signs for that
 *   upstream         one callee: repeats, the circuit, limits; deadline and trace-context travel with each request
 */
import type { z } from 'zod';
import { currentDeadline } from '../request-context.js';
import { ServiceError } from '../service-error.js';
import { decodeUtf8 } from '../strict-json.js';
import { Deadline } from './deadline.js';
import type { Authority, ServiceTokens } from './service-tokens.js';
import { UpstreamError, type Upstream } from './upstream.js';

type Expected = Readonly<Record<number, z.ZodType>>;

/** One call. `expect` lists the statuses that mean something to the caller, each with the schema of its body. */
export interface ServiceCall<E extends Expected> {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** The caller encodes the values in it (`encodeURIComponent`). The type wants the slash: `@` would begin a host name. */
  readonly path: `/${string}`;
  readonly expect: E;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whose power the call uses. Without it no token is sent, which is right for a public route only. */
  readonly authority?: Authority;
  /** For POST: that the callee does the same work only once, however often it gets this request. */
  readonly idempotent?: boolean;
  /**
   * Gives the call its whole timeout, although the current request may have a deadline that is earlier or has passed. For a
   * call that must not stop halfway, and for one that undoes another. Anybody could stop it there by a short deadline.
   */
  readonly ignoresDeadline?: boolean;
}

/** The answer. Its status decides the type of its body. */
export type ServiceAnswer<E extends Expected> = {
  [S in keyof E & number]: { readonly status: S; readonly body: z.output<E[S]> };
}[keyof E & number];

export interface ServiceClientOptions {
  readonly upstream: Upstream;
  readonly tokens: Pick<ServiceTokens, 'get' | 'drop'>;
  /** Receives how each call ended: `answered`, or the code of the error. */
  readonly onEnd?: (callee: string, outcome: string) => void;
}

/**
 * The client of one other service. A call has one deadline for all: the token, the repeats and the body of the answer. It
 * is the timeout of the client, or the deadline of the current request if that is earlier. GET, HEAD, PUT and DELETE are
 * repeated after a passing failure, and POST only if the call says that it is idempotent. Nothing in an answer is used
 * before its schema has accepted it.
 */
export class ServiceClient {
  constructor(private readonly options: ServiceClientOptions) {}

  /**
   * @throws UpstreamError
   * @throws ServiceError `invalid_token` (401) if the token of the caller is no longer good. Let it pass.
   */
  async call<const E extends Expected>(call: ServiceCall<E>): Promise<ServiceAnswer<E>> {
    const { upstream, onEnd } = this.options;
    try {
      const answer = await this.answerTo(call);
      onEnd?.(upstream.name, 'answered');
      return answer;
    } catch (error) {
      onEnd?.(upstream.name, error instanceof ServiceError ? (error as ServiceError).code : 'internal_error');
      throw error;
    }
  }

  private async answerTo<E extends Expected>(call: ServiceCall<E>): Promise<ServiceAnswer<E>> {
    const { upstream } = this.options;
    const own = Deadline.after(upstream.timeoutMs);
    const deadline = call.ignoresDeadline ? own : own.earlier(currentDeadline());
    const { status, body } = await this.authorized(call, deadline);
    const what = `${call.method ?? 'GET'} ${call.path} at ${upstream.name}`;
    const schema = call.expect[status];
    // Only a second 401 gets here without a schema: `send` fails at every other status that is not expected.
    if (!schema) throw new UpstreamError('upstream_invalid', `${what} refuses a new token: ${status}`);
    const parsed = schema.safeParse(parseJson(what, body));
    if (!parsed.success)
      throw new UpstreamError('upstream_invalid', `${what} answered another shape`, { cause: parsed.error });
    return { status, body: parsed.data } as ServiceAnswer<E>;
  }

  /** A held token may have been revoked a moment ago. So after a 401 it gets a new one, once. */
  private async authorized(call: ServiceCall<Expected>, deadline: Deadline) {
    const { upstream, tokens } = this.options;
    const { authority } = call;
    if (!authority) return this.send(call, deadline);
    const token = await tokens.get(upstream.name, authority, deadline).catch((error: unknown) => {
      if (error instanceof UpstreamError) error.wasSent = false;
      throw error;
    });
    const answer = await this.send(call, deadline, token);
    if (answer.status !== 401) return answer;
    tokens.drop(upstream.name, authority, token);
    return this.send(call, deadline, await tokens.get(upstream.name, authority, deadline));
  }

  private send(call: ServiceCall<Expected>, deadline: Deadline, token?: string) {
    const { method = 'GET', path, expect, headers, idempotent = method !== 'POST' } = call;
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const sent = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    return this.options.upstream.send({
      method,
      path,
      deadline,
      repeatable: idempotent,
      wanted: (status) => status in expect || (token !== undefined && status === 401),
      parts: async () => ({ headers: sent, body }),
    });
  }
}

/** An empty body is undefined. */
function parseJson(what: string, body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(decodeUtf8(body));
  } catch (cause) {
    throw new UpstreamError('upstream_invalid', `${what} answered no JSON`, { cause });
  }
}
