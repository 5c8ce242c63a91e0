import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where a server listens. By default on a free port of the loopback address. */
export interface ListenOptions {
  readonly port?: number;
  readonly host?: string;
}

/**
 * Starts an HTTP server, in place of another service. `close` also ends open connections.
 *
 * @throws Error `EADDRINUSE` if another program listens on the port
 */
export async function serve(
  listener: RequestListener,
  { port = 0, host = '127.0.0.1' }: ListenOptions = {},
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(listener);
  server.listen(port, host);
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: urlOf(server.address() as AddressInfo), close };
}

/** A server at all addresses is reached by that of the loopback. */
function urlOf({ address, family, port }: AddressInfo): string {
  if (['0.0.0.0', '::'].includes(address)) return `http://127.0.0.1:${port}`;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
