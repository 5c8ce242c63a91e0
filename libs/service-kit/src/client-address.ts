/** Where a request comes from, for what is limited per address. */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Stands for the address of a connection that broke before it was asked: all of those count as one client. */
const UNKNOWN = 'unknown';

const addresses = new WeakMap<IncomingMessage, string>();

/** Keeps the address of each request as it arrives. A socket that has closed meanwhile has none any more. */
export function keepClientAddresses(server: FastifyInstance): void {
  server.addHook('onRequest', (request, _reply, done) => {
    addresses.set(request.raw, farthestAddress(request));
    done();
  });
}

/**
 * Injects the address that the request comes from, always a text. It is that of the connection, or the one that a
 * trusted proxy names in `X-Forwarded-For`; where the proxy names something that is no address, it is the proxy's own.
 */
export const ClientAddress = createParamDecorator((_data: unknown, context: ExecutionContext): string => {
  const { raw } = context.switchToHttp().getRequest<FastifyRequest>();
  return addresses.get(raw) ?? UNKNOWN;
});

/** The hops go from our own connection to the first that is no trusted proxy. A client writes what it likes there. */
function farthestAddress({ ip, ips }: FastifyRequest): string {
  const hops: (string | undefined)[] = ips ?? [ip];
  return hops.findLast((hop) => hop !== undefined && isIP(hop) !== 0) ?? UNKNOWN;
}
