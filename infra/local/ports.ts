import { createServer } from 'node:net';
import { SetupError } from '../system/setup-error.js';

/** A loopback port that something wants to listen on. */
export interface PortClaim {
  name: string;
  port: number;
}

// Below the range from which systems take the ports of outgoing connections (Linux: 32768 and up), so that a port
// found free is not taken by somebody's client a moment later.
const testPorts = { from: 15_000, to: 31_000 };

/** @throws SetupError `port_in_use`, naming every taken port and the way out. */
export async function assertPortsFree(claims: PortClaim[]): Promise<void> {
  const states = await Promise.all(
    claims.map(async (claim) => ({ ...claim, free: await isPortFree(claim.port) })),
  );
  const taken = states.filter((state) => !state.free).map(({ name, port }) => `${port} (${name})`);
  if (taken.length === 0) return;
  const ports = taken.length === 1 ? `Port ${taken[0]} is` : `Ports ${taken.join(', ')} are`;
  throw new SetupError(
    'port_in_use',
    `${ports} in use by another program. End it, or move the whole system: npm start -- --port-base 4000`,
  );
}

/** Whether a server could listen on this port of 127.0.0.1, and nothing else answers for `localhost` there on ::1. */
export async function isPortFree(port: number): Promise<boolean> {
  const [v4, v6] = await Promise.all([listenError(port, '127.0.0.1'), listenError(port, '::1')]);
  return v4 === undefined && v6 !== 'EADDRINUSE'; // a machine without IPv6 fails otherwise, and that is no obstacle
}

/** A port that is free now, for tests. */
export async function freePort(): Promise<number> {
  return freePortBase([0]);
}

/** A base such that base + each offset is free now, for tests that start a whole system. */
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
