/** The verifier as a hook of Fastify. */
import type { IncomingMessage } from 'node:http';
import type { Requirement, Trust } from '../open-trust.js';
import { keepCaller } from './callers.js';

export { callerOf } from './callers.js';

/** The parts of Fastify's request and reply that the hook uses, so that its types need no Fastify. */
interface HookRequest {
  readonly raw: IncomingMessage;
}
interface HookReply {
  code(status: number): unknown;
  headers(fields: Record<string, string>): unknown;
  send(body: string): unknown;
}

/**
 * Makes an `onRequest` hook that lets requests in only with a good token. {@link callerOf} then has its claims. It stands
 * before the body is read, so a stranger cannot make the service read one.
 */
export function requireToken(trust: Pick<Trust, 'judge'>, required?: Requirement) {
  return async (request: HookRequest, reply: HookReply): Promise<unknown> => {
    const { claims, refusal } = await trust.judge(request.raw, required);
    if (claims) {
      keepCaller(request, claims);
      return undefined;
    }
    reply.code(refusal.status);
    reply.headers(refusal.headers);
    // A hook that returns the reply ends the request.
    return reply.send(refusal.body);
  };
}
