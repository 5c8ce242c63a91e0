/** orders as specs run it, with an inventory that does as it is told. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json as jsonOf } from 'node:stream/consumers';
import { connectTestDatabase, serve, startTestService, type PostgresLogin } from '#testing';
import { SERVICE, type OrdersSettings } from '../src/config.js';
import * as schema from '../src/database/index.js';
import { ordersProblems } from '../src/errors.js';
import { OrdersModule } from '../src/orders.module.js';

interface Options extends Partial<OrdersSettings> {
  readonly statements?: boolean;
}

export type OrdersApp = Awaited<ReturnType<typeof startOrders>>;

/** Starts it with empty tables; with `statements: false` it has no key set. */
export async function startOrders({ statements = true, ...settings }: Options = {}) {
  const inventory = await startFakeInventory();
  const app = await startTestService<OrdersSettings>({
    service: SERVICE,
    schema,
    problems: ordersProblems,
    moduleOf: OrdersModule.forRoot,
    settings: {
      inventoryUrl: inventory.url,
      // So long that no answer of a loaded machine is too late; a spec of a late answer says so.
      inventoryTimeoutMs: 10_000,
      newAccountSeconds: 24 * 3600,
      newAccountMaxCents: 500_00,
      ...settings,
    },
    statements,
  });
  const close = async () => {
    await app.close();
    await inventory.close();
  };
  return { ...app, inventory, close };
}

/** A connection to the tables of orders. */
export const connect = (login: PostgresLogin) => connectTestDatabase(login, schema);

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

/** A request about a reservation. */
interface AboutStock {
  readonly method: string;
  readonly orderId: string;
  readonly lines: unknown;
  /** The claims of the token that came with it. */
  readonly claims: Readonly<Record<string, unknown>>;
}
type StockBehaviour = (about: AboutStock, response: ServerResponse) => unknown;

const keep: StockBehaviour = ({ method, orderId, lines }, response) =>
  method === 'DELETE'
    ? response.writeHead(204).end()
    : json(response, 201, { orderId, status: 'held', lines });

async function startFakeInventory() {
  const fake = {
    /** The skus that were asked for, in their order. */
    asked: [] as string[],
    behave: sell,
    /** The requests about reservations, in their order. */
    stock: [] as AboutStock[],
    behaveForStock: keep,
    reset() {
      fake.asked = [];
      fake.behave = sell;
      fake.stock = [];
      fake.behaveForStock = keep;
    },
  };
  const server = await serve((request, response) => {
    if (request.url!.startsWith('/reservations')) return void answerForStock(request, response);
    const sku = decodeURIComponent(request.url!.replace('/products/', ''));
    fake.asked.push(sku);
    fake.behave(sku, response);
  });
  async function answerForStock(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body =
      method === 'POST' ? ((await jsonOf(request)) as { orderId: string; lines: unknown }) : undefined;
    const orderId = body?.orderId ?? url.replace('/reservations/', '');
    const payload = Buffer.from(headers.authorization?.split('.')[1] ?? '', 'base64url').toString();
    const claims = JSON.parse(payload || '{}') as Record<string, unknown>;
    const about = { method, orderId, lines: body?.lines, claims };
    fake.stock.push(about);
    fake.behaveForStock(about, response);
  }
  return Object.assign(fake, { sell, keep, ...server });
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
