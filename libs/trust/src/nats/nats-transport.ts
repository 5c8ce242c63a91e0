/**
 * transport-node 3.4.0 does not close the socket of a connection attempt that timed out, if the server accepts TCP and
 * then sends nothing (a frozen server does this). A service that tries for an hour would have no file descriptors left.
 */
import {
  NatsConnectionImpl,
  setTransportFactory,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { nodeResolveHost, NodeTransport } from '@nats-io/transport-node/lib/node_transport.js';

class ClosingTransport extends NodeTransport {
  override async close(error?: Error): Promise<void> {
    // `close` does nothing before the server has greeted. A socket that still dials ends when the operating system gives up.
    if (this.connected) await super.close(error);
    else this.discard();
  }
}

/** Connects like `connect` of transport-node. An attempt that failed leaves no connection open. */
export function connect(options: NodeConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new ClosingTransport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}
