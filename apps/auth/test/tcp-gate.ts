import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

/** A door in front of a server on this machine; shutting it makes the server look dead. */
export interface TcpGate {
  /** Where to go in. */
  readonly port: number;
  /** Cuts every connection and takes no new one. */
  shut(): void;
  open(): void;
  /** Ends it. */
  close(): Promise<void>;
}

export interface TlsCertificate {
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
}

/** Opens a gate to a port of 127.0.0.1. With a certificate, clients speak TLS and the server behind the gate does not. */
export async function openGate(target: number | (() => number), tls?: TlsCertificate): Promise<TcpGate> {
  const sockets = new Set<Socket>();
  let isOpen = true;
  const forward = (incoming: Socket) => {
    if (!isOpen) return void incoming.destroy();
    const outgoing = connect(typeof target === 'number' ? target : target(), '127.0.0.1');
    incoming.pipe(outgoing).pipe(incoming);
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  };
  const server = tls ? createTlsServer(tls, forward) : createServer(forward);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    port: (server.address() as AddressInfo).port,
    shut() {
      isOpen = false;
      cut();
    },
    open() {
      isOpen = true;
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
