import { createServer } from 'node:net';
import { SetupError } from '../system/setup-error.js';

/** A loopback port, and the part of the system that will listen on it. */
interface PortClaim {
  name: string;
  port: number;
}

// Outgoing connections take their ports from a range above this one (Linux: from 32768). So no client takes a port between
// the moment when we find it free and the moment when we use it.
const testPorts = { from: 15_000, to: 31_000 };

/** Checks that all ports are free. @throws SetupError `port_in_use`, which names every taken port. */
export async function assertPortsFree(claims: PortClaim[]): Promise<void> {
  const states = await Promise.all(
    claims.map(async (claim) => ({ ...claim, free: await isPortFree(claim.port) })),
  );
  const taken = states.filter((state) => !state.free).map(({ name, port }) => `${port} (${name})`);
  if (taken.length === 0) return;
  const ports = taken.length === 1 ? `Port ${taken[0]} is` : `Ports ${taken.join(', ')} are`;
  throw new SetupError(
    'port_in_use',
    `${ports} in use by another program. Stop it, or start Signet on other ports: npm start -- --port-base 4000`,
  );
}

/** True if a server can listen on this port of 127.0.0.1, and no server listens on it on ::1, which is also `localhost`. */
export async function isPortFree(port: number): Promise<boolean> {
  const [v4, v6] = await Promise.all([listenError(port, '127.0.0.1'), listenError(port, '::1')]);
  return v4 === undefined && v6 !== 'EADDRINUSE'; // without IPv6 there is another error, and it does not matter
}

/** Finds a free port, for tests. */
export async function freePort(): Promise<number> {
  return freePortBase([0]);
}

/** Finds a port base for which base + offset is free for each offset. For tests that start a whole system. */
export async function freePortBase(offsets: number[]): Promise<number> {
  for (;;) {
    const base = testPorts.from + Math.floor(Math.random() * (testPorts.to - testPorts.from));
    const free = await Promise.all(offsets.map((offset) => isPortFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
}

function listenError(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
