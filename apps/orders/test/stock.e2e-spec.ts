import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { connect, json, startOrders, type OrdersApp } from './orders-app.js';

const lines = [
  { sku: 'LAMP', quantity: 2 },
  { sku: 'CHAIR', quantity: 1 },
];

describe('the goods of an order', () => {
  let app: OrdersApp;
  const place = (claims = {}) => app.send('POST', '/orders', { token: app.token(claims), body: { lines } });
  const ordersOf = async (sub: string) =>
    (await app.send('GET', '/orders', { token: app.token({ sub }) })).body.items as {
      id: string;
      status: string;
    }[];
  const asked = () => app.inventory.stock.map(({ method }) => method);

  beforeAll(async () => {
    app = await startOrders();
  });
  afterEach(() => {
    app.inventory.reset();
    app.tokenEndpoint.error = undefined;
  });
  afterAll(() => app.close());

  it('are reserved in the name of the customer, with a token that is only for that', async () => {
    const claims = { sub: 'user-7', sid: 'session-7', jti: randomUUID() };
    const { status, body } = await place(claims);
    expect(status).toBe(201);
    expect(app.inventory.stock).toMatchObject([
      {
        method: 'POST',
        orderId: body.id,
        lines,
        claims: {
          aud: 'inventory',
          scope: 'inventory:reserve',
          sub: 'user-7',
          sid: 'session-7',
          txn: claims.jti,
          act: { sub: 'orders' },
        },
      },
    ]);
  });

  it('are reserved with one exchange for many orders with one token', async () => {
    const token = app.token();
    const before = app.tokenEndpoint.exchanges;
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => app.send('POST', '/orders', { token, body: { lines } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(201));
    expect(app.tokenEndpoint.exchanges - before).toBe(1);
  });

  it('409 if there are not enough: no order, and the line is named', async () => {
    const errors = [{ field: 'lines.1.quantity', message: 'In stock: 0' }];
    app.inventory.behaveForStock = (_about, response) =>
      json(response, 409, { code: 'out_of_stock', errors });
    expect(await place({ sub: 'unlucky' })).toMatchObject({
      status: 409,
      body: { code: 'out_of_stock', errors },
    });
    expect([asked(), await ordersOf('unlucky')]).toEqual([['POST'], []]);
  });

  it.each<[string, OrdersApp['inventory']['behaveForStock']]>([
    ['500', (_about, response) => response.writeHead(500).end()],
    ['another order', (_about, response) => json(response, 201, { orderId: randomUUID(), status: 'held' })],
    ['that it was released', (_about, response) => json(response, 409, { code: 'reservation_released' })],
    ['401 to each token', (_about, response) => response.writeHead(401).end()],
    ['403', (_about, response) => json(response, 403, { code: 'wrong_actor' })],
  ])('503 if inventory answers %s: no order, and they are released', async (_what, behaviour) => {
    await expectNoOrder(app, behaviour);
  });

  it('503 if inventory answers nothing, in time: no order, and they are released', async () => {
    const hasty = await startOrders({ inventoryTimeoutMs: 400 });
    try {
      await expectNoOrder(hasty, () => undefined);
    } finally {
      await hasty.close();
    }
  });

  it('are reserved to the end, although the customer allows too little time and logs out meanwhile', async () => {
    app.inventory.behaveForStock = async (about, response) => {
      app.tokenEndpoint.error = 'invalid_grant';
      await new Promise((resolve) => setTimeout(resolve, 200));
      // inventory, too, knows that the session has ended.
      if (about.method === 'DELETE') response.writeHead(401).end();
      else app.inventory.keep(about, response);
    };
    const headers = { 'x-request-timeout-ms': '150' };
    const answer = await app.send('POST', '/orders', { token: app.token(), headers, body: { lines } });
    expect([answer.status, asked()]).toEqual([201, ['POST']]);
  });

  it('are released when the order is cancelled, although the customer allows too little time', async () => {
    const { id } = (await place()).body;
    app.inventory.behaveForStock = async (about, response) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      app.inventory.keep(about, response);
    };
    const headers = { 'x-request-timeout-ms': '150' };
    const answer = await app.send('POST', `/orders/${id}/cancel`, { token: app.token(), headers });
    expect([answer.status, asked()]).toEqual([200, ['POST', 'DELETE']]);
  });

  it('401 if auth no longer accepts the token of the customer', async () => {
    app.tokenEndpoint.error = 'invalid_grant';
    const answer = await place({ sub: 'logged-out' });
    expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect([asked(), await ordersOf('logged-out')]).toEqual([[], []]);
  });

  it.each(['invalid_client', 'invalid_scope', 'temporarily_unavailable'])(
    '503 if auth answers %s',
    async (error) => {
      app.tokenEndpoint.error = error;
      const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      const answer = await place({ sub: 'waiting' });
      expect(answer).toMatchObject({ status: 503, body: { code: 'inventory_unavailable' } });
      expect(JSON.stringify(answer.body)).not.toContain(error);
      expect(asked()).toEqual([]);
      // Nothing was sent, so nothing can stay reserved.
      expect(JSON.stringify(logged.mock.calls)).not.toContain('stay reserved');
      logged.mockRestore();
    },
  );

  it('are released if the order cannot be stored', async () => {
    const owner = await connect(app.owner);
    await owner.query('ALTER TABLE orders ADD CONSTRAINT orders_none CHECK (false) NOT VALID');
    try {
      expect(await place({ sub: 'failed' })).toMatchObject({ status: 500 });
    } finally {
      await owner.query('ALTER TABLE orders DROP CONSTRAINT orders_none');
      await owner.destroy();
    }
    const [reserved, released] = app.inventory.stock;
    expect([asked(), released!.orderId]).toEqual([['POST', 'DELETE'], reserved!.orderId]);
    expect(await ordersOf('failed')).toEqual([]);
  });

  it('are released if the database cannot even say whether it has the order', async () => {
    const owner = await connect(app.owner);
    const [{ role }] = await owner.query('SELECT quote_ident(current_database()) AS role');
    await owner.query(`REVOKE SELECT, INSERT ON orders FROM ${role}`);
    try {
      expect(await place({ sub: 'failed' })).toMatchObject({ status: 500 });
    } finally {
      await owner.query(`GRANT SELECT, INSERT ON orders TO ${role}`);
      await owner.destroy();
    }
    expect(asked()).toEqual(['POST', 'DELETE']);
  });

  it('are released when the order is cancelled; a release that failed can be repeated', async () => {
    const { id } = (await place()).body;
    const cancel = () => app.send('POST', `/orders/${id}/cancel`, { token: app.token() });
    app.inventory.behaveForStock = (_about, response) => response.writeHead(500).end();
    expect(await cancel()).toMatchObject({ status: 503, body: { code: 'inventory_unavailable' } });
    const [order] = await ordersOf('user-1');
    expect(order).toMatchObject({ id, status: 'cancelled' });
    app.inventory.behaveForStock = app.inventory.keep;
    expect(await cancel()).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect(app.inventory.stock.at(-1)).toMatchObject({ method: 'DELETE', orderId: id });
  });

  it('stay reserved if somebody else wants to cancel the order', async () => {
    const { id } = (await place()).body;
    const answer = await app.send('POST', `/orders/${id}/cancel`, { token: app.token({ sub: 'another' }) });
    expect(answer).toMatchObject({ status: 404, body: { code: 'order_not_found' } });
    expect(asked()).toEqual(['POST']);
  });
});

/** Places an order while inventory answers a reservation like this. */
async function expectNoOrder(
  app: OrdersApp,
  behaviour: OrdersApp['inventory']['behaveForStock'],
): Promise<void> {
  app.inventory.behaveForStock = (about, response) =>
    about.method === 'DELETE' ? app.inventory.keep(about, response) : behaviour(about, response);
  const sub = randomUUID();
  const answer = await app.send('POST', '/orders', { token: app.token({ sub }), body: { lines } });
  expect(answer).toMatchObject({ status: 503, body: { code: 'inventory_unavailable' } });
  const { body } = await app.send('GET', '/orders', { token: app.token({ sub }) });
  expect(body.items).toEqual([]);
  const [first, last] = [app.inventory.stock[0]!, app.inventory.stock.at(-1)!];
  expect(last).toMatchObject({ method: 'DELETE', orderId: first.orderId, claims: { sub } });
}
