/**
 * orders as specs run it: the real application over HTTP, with a real database, an issuer of the spec's own, and an
 * inventory that does as it is told.
 */
import type { ServerResponse } from 'node:http';
import { DataSource } from 'typeorm';
import { createHttpApp, dataSourceOptions, runMigrations } from '#service-kit';
import {
  client,
  createTestDatabase,
  createTestIssuer,
  eventually,
  serve,
  testSettings,
  type PostgresLogin,
} from '#testing';
import { SERVICE, type OrdersSettings } from '../src/config.js';
import { entities, migrations } from '../src/database/index.js';
import { ordersProblems } from '../src/errors.js';
import { OrdersModule } from '../src/orders.module.js';

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
    ...client(url, { documented: true }),
    async close() {
      await app.close();
      await Promise.all([keySets.close(), inventory.close()]);
      await database.drop();
    },
  };
}

/** A connection to the tables of a service. */
export function connect(login: PostgresLogin): Promise<DataSource> {
  return new DataSource(dataSourceOptions(settingsFor(login), { entities, migrations })).initialize();
}

/** The settings of a process that logs in so; the rest stands for nothing. */
export function settingsFor(login: PostgresLogin): OrdersSettings {
  return { ...testSettings(login), inventoryUrl: 'none', inventoryTimeoutMs: 1000 };
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
