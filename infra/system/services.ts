/**
 * The table of services. Ports, databases, NATS accounts, secrets and environments are all derived from it, in every way
 * to run the system. To add a service, add a row.
 */

/** A request that a service answers with 200 if the token is good, and with 401 if not. The tour, the scenarios and the benchmarks send it. */
export interface GuardedRoute {
  /** The role that gets such a token. */
  role: 'customer' | 'admin';
  /** For example `GET /things`. */
  route: string;
  /** Sent as JSON. */
  body?: object;
}

/** A row of the table. */
export interface ServiceRow {
  /** The name is also the audience, the database, the runtime role and, in capitals, the NATS account. */
  name: string;
  /** The HTTP port is the port base plus this number. */
  portOffset: number;
  /** The issuer publishes statements and revocations. Every other service verifies tokens with them. */
  trust: 'issuer' | 'verifier';
  /** The services whose REST interface this service calls. */
  calls: string[];
  /** `none`: there is no `seed` program. `accounts`: the seed makes the accounts of credentials.json. */
  seed: 'none' | 'data' | 'accounts';
  /** True if every other service may send it events (`audit.<service>.>`). It keeps them in a NATS stream. */
  collectsEvents: boolean;
  /** The paths on which POST takes an `Idempotency-Key`. The proxy may repeat such a request at another replica. */
  idempotentPosts: string[];
  /** Null if no account gets a token for the service. */
  guardedRoute: GuardedRoute | null;
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
    guardedRoute: { role: 'admin', route: 'GET /admin/keys' },
  },
  {
    name: 'orders',
    portOffset: 1,
    trust: 'verifier',
    calls: ['inventory'],
    seed: 'none',
    collectsEvents: false,
    idempotentPosts: ['/orders'],
    guardedRoute: { role: 'customer', route: 'GET /orders' },
  },
  {
    name: 'inventory',
    portOffset: 2,
    trust: 'verifier',
    calls: [],
    seed: 'data',
    collectsEvents: false,
    idempotentPosts: [],
    // An administrator has no protected route there that only reads. The stock is the one of the first data.
    guardedRoute: {
      role: 'admin',
      route: 'PUT /products/SEAL-BRASS/stock',
      body: { stock: 40 },
    },
  },
];

/** A row with a guarded route. */
export type GuardedService = ServiceRow & { guardedRoute: GuardedRoute };

/** The services that verify tokens of accounts, and sign none. Those whose tokens a customer gets come first. */
export const guardedServices: readonly GuardedService[] = services
  .filter((row): row is GuardedService => row.trust === 'verifier' && row.guardedRoute !== null)
  .sort((a, b) => Number(b.guardedRoute.role === 'customer') - Number(a.guardedRoute.role === 'customer'));

/** The port offsets of PostgreSQL and NATS. */
export const serverPortOffsets = { postgres: 10, nats: 11 } as const;

/** The port of a service's inspector (Node's debugger) under `npm run dev`. */
export function inspectorPort(portBase: number, row: ServiceRow): number {
  return portBase + 20 + row.portOffset;
}

/** The default of `--port-base`. */
export const defaultPortBase = 3000;

/** Every port on which a system with this port base listens. `inspect`: the ports of the inspectors as well. */
export function portClaims(
  portBase: number,
  rows: readonly ServiceRow[] = services,
  inspect = false,
): { name: string; port: number }[] {
  const servers = Object.entries(serverPortOffsets).map(([name, offset]) => ({
    name,
    port: portBase + offset,
  }));
  const inspectors = rows.map((row) => ({
    name: `inspector of ${row.name}`,
    port: inspectorPort(portBase, row),
  }));
  return [
    ...rows.map(({ name, portOffset }) => ({ name, port: portBase + portOffset })),
    ...servers,
    ...(inspect ? inspectors : []),
  ];
}
