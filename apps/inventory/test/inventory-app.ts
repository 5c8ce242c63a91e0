/** inventory as specs run it: the real application over HTTP, with a real database and an issuer of the spec's own. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DataSource } from 'typeorm';
import { createHttpApp, dataSourceOptions, runMigrations } from '#service-kit';
import { createTestDatabase, createTestIssuer, eventually, type PostgresLogin } from '#testing';
import { SERVICE, type InventorySettings } from '../src/config.js';
import { entities, migrations } from '../src/database/index.js';
import { inventoryProblems } from '../src/errors.js';
import { InventoryModule } from '../src/inventory.module.js';

/** An answer, its body parsed if it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // The specs look into it at will.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

export type InventoryApp = Awaited<ReturnType<typeof startInventory>>;

/** Starts it with empty tables; `statements: false` leaves it without any word of the issuer. */
export async function startInventory({ statements = true } = {}) {
  const database = await createTestDatabase(SERVICE);
  await runMigrations(dataSourceOptions(settingsFor(database.owner), { entities, migrations }));
  const issuer = createTestIssuer();
  const keySets = await serve((_request, response) => {
    if (statements) response.end(issuer.statement());
    else response.writeHead(503).end();
  });
  const settings: InventorySettings = {
    ...settingsFor(database.runtime),
    issuer: issuer.issuer,
    issuerFetchUrl: keySets.url,
    trustAnchorPublic: issuer.anchors,
  };
  const app = await createHttpApp(InventoryModule.with(settings), {
    service: SERVICE,
    version: '0.0.0',
    settings,
    problems: inventoryProblems,
  });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  if (statements) await eventually(async () => (await fetch(`${url}/health/ready`)).ok);

  return {
    url,
    settings,
    owner: database.owner,
    /** A token for inventory; an administrator's, unless the claims say otherwise. */
    token: (claims = {}) => issuer.token({ aud: SERVICE, scope: 'inventory:write', ...claims }),
    async send(method: string, path: string, { token, body, headers }: Request = {}): Promise<Answer> {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json');
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
    async close() {
      await app.close();
      await keySets.close();
      await database.drop();
    },
  };
}

interface Request {
  readonly token?: string | undefined;
  /** Text is sent as it stands. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** A connection to the tables of a service. */
export function connect(login: PostgresLogin): Promise<DataSource> {
  return new DataSource(dataSourceOptions(settingsFor(login), { entities, migrations })).initialize();
}

/** The settings of a process that logs in so; the rest stands for nothing. */
export function settingsFor({ host, port, database, user, password }: PostgresLogin): InventorySettings {
  return {
    nodeEnv: 'test',
    host: '127.0.0.1',
    port: 0,
    logLevel: 'silent',
    corsAllowedOrigins: [],
    trustedProxies: [],
    shutdownDelayMs: 0,
    bodyLimitBytes: 65536,
    databaseHost: host,
    databasePort: port,
    databaseName: database,
    databaseUser: user,
    databasePassword: password,
    databasePoolSize: 5,
    databaseStatementTimeoutMs: 5000,
    databaseConnectTimeoutMs: 3000,
    // Nobody listens there: statements come over HTTP.
    natsUrl: 'nats://127.0.0.1:1',
    natsNkeySeed: 'none',
    issuer: 'none',
    issuerFetchUrl: 'none',
    maxTokenSeconds: 300,
    trustAnchorPublic: [],
  };
}

async function serve(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
