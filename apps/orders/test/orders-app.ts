/**
 * orders as specs run it: the real application over HTTP, with a real database, an issuer of the spec's own, and an
 * inventory that does as it is told.
 */
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DataSource } from 'typeorm';
import { createHttpApp, dataSourceOptions, runMigrations } from '#service-kit';
import { createTestDatabase, createTestIssuer, eventually, type PostgresLogin } from '#testing';
import { SERVICE, type OrdersSettings } from '../src/config.js';
import { entities, migrations } from '../src/database/index.js';
import { ordersProblems } from '../src/errors.js';
import { OrdersModule } from '../src/orders.module.js';

/** An answer, its body parsed if it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // The specs look into it at will.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

interface Options extends Partial<OrdersSettings> {
  readonly statements?: boolean;
}

export type OrdersApp = Awaited<ReturnType<typeof startOrders>>;

/** Starts it with empty tables; `statements: false` leaves it without any word of the issuer. */
export async function startOrders({ statements = true, inventoryTimeoutMs = 1000, ...other }: Options = {}) {
  const database = await createTestDatabase(SERVICE);
  await runMigrations(dataSourceOptions(settingsFor(database.owner), { entities, migrations }));
  const issuer = createTestIssuer();
  const keySets = await serve((_request, response) => {
    if (statements) response.end(issuer.statement());
    else response.writeHead(503).end();
  });
  const inventory = await startFakeInventory();
  const settings: OrdersSettings = {
    ...settingsFor(database.runtime),
    issuer: issuer.issuer,
    issuerFetchUrl: keySets.url,
    trustAnchorPublic: issuer.anchors,
    inventoryUrl: inventory.url,
    inventoryTimeoutMs,
    ...other,
  };
  const app = await createHttpApp(OrdersModule.with(settings), {
    service: SERVICE,
    version: '0.0.0',
    settings,
    problems: ordersProblems,
  });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  if (statements) await eventually(async () => (await fetch(`${url}/health/ready`)).ok);

  return {
    url,
    settings,
    owner: database.owner,
    inventory,
    /** A customer's token for orders, unless the claims say otherwise. */
    token: (claims = {}) => issuer.token({ aud: SERVICE, ...claims }),
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
      await Promise.all([keySets.close(), inventory.close()]);
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
export function settingsFor({ host, port, database, user, password }: PostgresLogin): OrdersSettings {
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
    inventoryUrl: 'none',
    inventoryTimeoutMs: 1000,
  };
}

/** What the fake inventory sells, unless a spec says otherwise. */
export const lamp = { sku: 'LAMP', name: 'Lamp', priceCents: 1999, currency: 'EUR', stock: 5 };
export const chair = { sku: 'CHAIR', name: 'Chair', priceCents: 4900, currency: 'EUR', stock: 0 };
export const dollarPen = { sku: 'PEN', name: 'Pen', priceCents: 150, currency: 'USD', stock: 9 };

/** Answers one question after a product. */
type Behaviour = (sku: string, response: ServerResponse) => unknown;

const sell: Behaviour = (sku, response) => {
  const product = [lamp, chair, dollarPen].find((product) => product.sku === sku);
  json(response, product ? 200 : 404, product ?? { code: 'product_not_found' });
};

async function startFakeInventory() {
  const fake = {
    /** The skus that were asked for, in their order. */
    asked: [] as string[],
    behave: sell,
    reset() {
      fake.asked = [];
      fake.behave = sell;
    },
  };
  const server = await serve((request, response) => {
    const sku = decodeURIComponent(request.url!.replace('/products/', ''));
    fake.asked.push(sku);
    fake.behave(sku, response);
  });
  return Object.assign(fake, { sell, ...server });
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
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
