import type { FastifyInstance } from 'fastify';
import type { HTTPMethod } from 'find-my-way';
import findMyWay from 'find-my-way';

/**
 * Finds the methods that a path has routes for; none for an unknown path (RFC 9110 section 15.5.6). Fastify's own
 * router keeps one tree per method and cannot answer this. So a second router of the same kind holds the routes too.
 */
export function allowedMethodsOf(server: FastifyInstance): (path: string) => string[] {
  const router = findMyWay({ maxParamLength: Number.MAX_SAFE_INTEGER });
  const methods = new Set<HTTPMethod>();
  server.addHook('onRoute', (route) => {
    // The route that answers preflights. It is not a path of the service.
    if (route.url === '*') return;
    for (const method of [route.method].flat() as HTTPMethod[]) {
      if (router.hasRoute(method, route.url)) continue;
      methods.add(method);
      router.on(method, route.url, () => undefined);
    }
  });
  return (path) => [...methods].filter((method) => router.find(method, path) !== null).sort();
}
