/** The address that a request comes from. Limits per address use it. */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/**
 * Stands for the address of a connection that broke before its address was read. All such connections count as one
 * client.
 */
const UNKNOWN = 'unknown';

const addresses = new WeakMap<IncomingMessage, string>();

/** Reads the address of each request when it arrives, because a socket that has closed has no address any more. */
export function keepClientAddresses(server: FastifyInstance): void {
  server.addHook('onRequest', (request, _reply, done) => {
    addresses.set(request.raw, farthestAddress(request));
    done();
  });
}

/**
 * Injects the address that the request comes from, always as text. It is the address of the connection, or the one that
 * a trusted proxy names in `X-Forwarded-For`. If the proxy names something that is not an address, it is the address of
 * the proxy.
 */
export const ClientAddress = createParamDecorator((_data: unknown, context: ExecutionContext): string => {
  const { raw } = context.switchToHttp().getRequest<FastifyRequest>();
  return addresses.get(raw) ?? UNKNOWN;
});

/**
 * The hops go from our own connection to the first one that is not a trusted proxy. A client can write anything there.
 */
function farthestAddress({ ip, ips }: FastifyRequest): string {
  const hops: (string | undefined)[] = ips ?? [ip];
  return hops.findLast((hop) => hop !== undefined && isIP(hop) !== 0) ?? UNKNOWN;
}
