import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { json, lamp, startOrders, type OrdersApp } from './orders-app.js';

const oldAccount = { 'https://issuer.test/claims/account_since': 0 };

describe('the orders of a user', () => {
  let app: OrdersApp;
  const place = (lines: unknown[], claims = {}) =>
    app.send('POST', '/orders', { token: app.token(claims), body: { lines } });

  beforeAll(async () => {
    app = await startOrders();
  });
  afterAll(() => app.close());

  it('are priced by inventory, line by line', async () => {
    const answer = await place([
      { sku: 'CHAIR', quantity: 1 },
      { sku: 'LAMP', quantity: 3 },
    ]);
    expect(answer).toMatchObject({ status: 201 });
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: 'placed',
      lines: [
        { sku: 'CHAIR', name: 'Chair', quantity: 1, unitPriceCents: 4900, lineTotalCents: 4900 },
        { sku: 'LAMP', name: 'Lamp', quantity: 3, unitPriceCents: 1999, lineTotalCents: 5997 },
      ],
      totalCents: 10897,
      currency: 'EUR',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    const found = await app.send('GET', `/orders/${answer.body.id}`, { token: app.token() });
    expect(found).toMatchObject({ status: 200, body: answer.body });
  });

  it('keep their prices when inventory changes its own', async () => {
    const { id } = (await place([{ sku: 'LAMP', quantity: 1 }])).body;
    app.inventory.behave = (_sku, response) => json(response, 200, { ...lamp, priceCents: 1 });
    expect((await app.send('GET', `/orders/${id}`, { token: app.token() })).body.totalCents).toBe(1999);
    app.inventory.reset();
  });

  it('may be as large as can be, and stay exact', async () => {
    app.inventory.behave = (sku, response) => json(response, 200, { ...lamp, sku, priceCents: 100_000_000 });
    const lines = Array.from({ length: 50 }, (_value, index) => ({ sku: `S-${index}`, quantity: 1000 }));
    const { status, body } = await place(lines, { sub: 'rich', ...oldAccount });
    app.inventory.reset();
    expect(status).toBe(201);
    expect(body.totalCents).toBe(5_000_000_000_000);
    const found = await app.send('GET', `/orders/${body.id}`, { token: app.token({ sub: 'rich' }) });
    expect(found.body).toEqual(body);
  });

  it('422 for a large order of a new account, by the claim of its token', async () => {
    const lines = [{ sku: 'LAMP', quantity: 26 }];
    const now = Math.floor(Date.now() / 1000);
    const since = (accountSince: unknown) => ({ 'https://issuer.test/claims/account_since': accountSince });
    const refused = { status: 422, body: { code: 'new_account_limit' } };
    expect(await place(lines, since(now))).toMatchObject(refused);
    expect(await place(lines, { 'https://other.test/claims/account_since': 0 })).toMatchObject(refused);
    expect(await place([{ sku: 'LAMP', quantity: 25 }], since(now))).toMatchObject({ status: 201 });
    expect(await place(lines, since(now - 24 * 3600))).toMatchObject({ status: 201 });
    expect(await place(lines, since('0'))).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
  });

  it('422 for products that there are not, naming their lines', async () => {
    const answer = await place([
      { sku: 'LAMP', quantity: 1 },
      { sku: 'NONE', quantity: 1 },
    ]);
    expect(answer).toMatchObject({
      status: 422,
      body: { code: 'unknown_sku', errors: [{ field: 'lines.1.sku', message: 'There is no such product' }] },
    });
  });

  it('422 for two currencies', async () => {
    const answer = await place([
      { sku: 'LAMP', quantity: 1 },
      { sku: 'PEN', quantity: 1 },
    ]);
    expect(answer).toMatchObject({
      status: 422,
      body: { code: 'mixed_currencies', errors: [{ field: 'lines.1.sku' }] },
    });
  });

  it('can be cancelled, once or several times', async () => {
    const order = (await place([{ sku: 'LAMP', quantity: 1 }])).body;
    const cancel = () => app.send('POST', `/orders/${order.id}/cancel`, { token: app.token() });
    const answers = await Promise.all([cancel(), cancel(), cancel()]);
    for (const answer of [...answers, await cancel()]) {
      expect(answer).toMatchObject({ status: 200, body: { ...order, status: 'cancelled' } });
    }
    const found = await app.send('GET', `/orders/${order.id}`, { token: app.token() });
    expect(found.body).toEqual({ ...order, status: 'cancelled' });
  });
});

describe('the list of orders', () => {
  let app: OrdersApp;
  const placed: { id: string }[] = [];
  const list = (query: string) => app.send('GET', `/orders${query}`, { token: app.token() });
  const body = {
    lines: [
      { sku: 'LAMP', quantity: 1 },
      { sku: 'CHAIR', quantity: 1 },
    ],
  };

  beforeAll(async () => {
    app = await startOrders();
    for (let n = 0; n < 7; n += 1) {
      placed.unshift((await app.send('POST', '/orders', { token: app.token(), body })).body);
      await app.send('POST', '/orders', { token: app.token({ sub: 'other' }), body });
    }
  });
  afterAll(() => app.close());

  it.each([1, 2, 3, 7, 100])('shows each once and whole, newest first, in pages of %i', async (limit) => {
    const seen: unknown[] = [];
    let cursor = '';
    for (let pages = 1; ; pages += 1) {
      const page = (await list(`?limit=${limit}${cursor}`)).body;
      expect(page.items.length).toBeLessThanOrEqual(limit);
      seen.push(...page.items);
      if (page.nextCursor === null) {
        expect(pages).toBe(Math.ceil(placed.length / limit));
        break;
      }
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(seen).toEqual(placed);
  });

  it('has 20 on a page unless told otherwise', async () => {
    const token = app.token({ sub: 'many' });
    await Promise.all(Array.from({ length: 21 }, () => app.send('POST', '/orders', { token, body })));
    const first = (await app.send('GET', '/orders', { token })).body;
    expect(first.items).toHaveLength(20);
    const second = (await app.send('GET', `/orders?cursor=${first.nextCursor}`, { token })).body;
    expect(second).toMatchObject({ items: [expect.anything()], nextCursor: null });
  });

  it("with another's cursor, shows one's own", async () => {
    const other = (await app.send('GET', '/orders?limit=1', { token: app.token({ sub: 'other' }) })).body;
    const { items } = (await list(`?cursor=${other.nextCursor}`)).body;
    expect(placed).toEqual(expect.arrayContaining(items));
  });
});
