import type { ReceivedRequest } from '../bearer.js';

/** A request as a handler gets it: Fastify wraps the `node:http` request as `raw`, Express extends it. */
export type NestRequest = { readonly raw: ReceivedRequest } | (ReceivedRequest & { readonly raw?: never });

/** Returns the `node:http` request, which has the header fields as they arrived. */
export function receivedRequest(request: NestRequest): ReceivedRequest {
  return request.raw ?? request;
}
