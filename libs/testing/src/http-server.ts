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
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
