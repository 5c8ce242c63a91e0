/**
 * The one table of the system's services. Ports, databases, NATS accounts, secrets and environments are all derived
 * from it, by `npm start` as by every other way to run the system: to add a service, add its row.
 */

/** A row of the table. */
export interface ServiceRow {
  /** Also its audience, database, runtime role and NATS account (in capitals). */
  name: string;
  /** Its HTTP port is the port base plus this. */
  portOffset: number;
  /** The issuer publishes statements and revocations; every other service verifies with them. */
  trust: 'issuer' | 'verifier';
  /** The services whose REST interface it calls. */
  calls: string[];
  /** Whether it has a `seed` program, and whether that makes the accounts of credentials.json. */
  seed: 'none' | 'data' | 'accounts';
  /** Whether every other service may hand it events (`audit.<service>.>`), which it keeps in a stream. */
  collectsEvents: boolean;
  /** The paths whose POST takes an `Idempotency-Key`: the proxy may repeat it, at another replica. */
  idempotentPosts: string[];
}

/** The services of the system. */
export const services: readonly ServiceRow[] = [
  {
    name: 'auth',
    portOffset: 0,
    trust: 'issuer',
    calls: [],
    seed: 'accounts',
    collectsEvents: false,
    idempotentPosts: [],
  },
  {
    name: 'orders',
    portOffset: 1,
    trust: 'verifier',
    calls: ['inventory'],
    seed: 'none',
    collectsEvents: false,
    idempotentPosts: ['/orders'],
  },
  {
    name: 'inventory',
    portOffset: 2,
    trust: 'verifier',
    calls: [],
    seed: 'data',
    collectsEvents: false,
    idempotentPosts: [],
  },
];

/** Offsets of the servers that are not ours. */
export const serverPortOffsets = { postgres: 10, nats: 11 } as const;

/** The default of `--port-base`. */
export const defaultPortBase = 3000;

/** Every port that a system with this base listens on. */
export function portClaims(
  portBase: number,
  rows: readonly ServiceRow[] = services,
): { name: string; port: number }[] {
  const servers = Object.entries(serverPortOffsets).map(([name, offset]) => ({
    name,
    port: portBase + offset,
  }));
  return [...rows.map(({ name, portOffset }) => ({ name, port: portBase + portOffset })), ...servers];
}
