import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startInventory, type InventoryApp } from './inventory-app.js';

/** The claims of a token that orders got in exchange for the token of a customer. */
const exchanged = { scope: 'inventory:reserve', client_id: 'orders', act: { sub: 'orders' } };

describe('the reservations of inventory', () => {
  let app: InventoryApp;
  let orderId: string;
  const token = (claims = {}) => app.token({ ...exchanged, ...claims });
  const reserve = (lines: object[], { id = orderId, claims = {} } = {}) =>
    app.send('POST', '/reservations', { token: token(claims), body: { orderId: id, lines } });
  const of = (method: 'GET' | 'DELETE', { id = orderId, claims = {} } = {}) =>
    app.send(method, `/reservations/${id}`, { token: token(claims) });
  const stock = async (sku: string) => (await app.send('GET', `/products/${sku}`)).body.stock as number;
  const setStock = (sku: string, stock: number) =>
    app.send('PUT', `/products/${sku}/stock`, { token: app.token(), body: { stock } });

  beforeAll(async () => {
    app = await startInventory();
    for (const sku of ['INK', 'PEN', 'LAMP']) {
      const body = { sku, name: sku, priceCents: 100, currency: 'EUR', stock: 10 };
      await app.send('POST', '/products', { token: app.token(), body });
    }
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    orderId = randomUUID();
    for (const sku of ['INK', 'PEN', 'LAMP']) await setStock(sku, 10);
  });

  it('take the goods out of stock, and put them back when they are released', async () => {
    const lines = [
      { sku: 'PEN', quantity: 3 },
      { sku: 'INK', quantity: 10 },
    ];
    const held = { orderId, status: 'held', lines: lines.toReversed(), createdAt: expect.any(String) };
    expect(await reserve(lines)).toMatchObject({ status: 201, body: held });
    expect([await stock('PEN'), await stock('INK')]).toEqual([7, 0]);
    expect(await of('GET')).toMatchObject({ status: 200, body: held });

    expect(await of('DELETE')).toMatchObject({ status: 204 });
    expect(await of('GET')).toMatchObject({ status: 200, body: { ...held, status: 'released' } });
    expect([await stock('PEN'), await stock('INK')]).toEqual([10, 10]);
  });

  it('change nothing when a request is repeated', async () => {
    const first = await reserve([{ sku: 'PEN', quantity: 2 }]);
    expect(await reserve([{ sku: 'PEN', quantity: 2 }])).toMatchObject({ status: 201, body: first.body });
    expect(await stock('PEN')).toBe(8);
    for (let i = 0; i < 2; i += 1) expect(await of('DELETE')).toMatchObject({ status: 204 });
    expect(await stock('PEN')).toBe(10);
  });

  it.each([
    ['another quantity', [{ sku: 'PEN', quantity: 3 }]],
    ['another product', [{ sku: 'INK', quantity: 2 }]],
    [
      'a further product',
      [
        { sku: 'PEN', quantity: 2 },
        { sku: 'INK', quantity: 1 },
      ],
    ],
  ])('409 for the same order with %s', async (_what, lines) => {
    await reserve([{ sku: 'PEN', quantity: 2 }]);
    expect(await reserve(lines)).toMatchObject({ status: 409, body: { code: 'reservation_differs' } });
    expect([await stock('PEN'), await stock('INK')]).toEqual([8, 10]);
  });

  it('are refused as a whole if there is not enough of one product', async () => {
    const answer = await reserve([
      { sku: 'PEN', quantity: 1 },
      { sku: 'LAMP', quantity: 11 },
    ]);
    expect(answer).toMatchObject({
      status: 409,
      body: { code: 'out_of_stock', errors: [{ field: 'lines.1.quantity', message: 'In stock: 10' }] },
    });
    expect([await stock('PEN'), await stock('LAMP')]).toEqual([10, 10]);
    expect(await of('GET')).toMatchObject({ status: 404, body: { code: 'reservation_not_found' } });
  });

  it('are refused if a product does not exist', async () => {
    const answer = await reserve([
      { sku: 'PEN', quantity: 1 },
      { sku: 'NONE', quantity: 1 },
    ]);
    expect(answer).toMatchObject({
      status: 422,
      body: { code: 'unknown_sku', errors: [{ field: 'lines.1.sku' }] },
    });
    expect(await stock('PEN')).toBe(10);
  });

  it('keep no goods for a request that comes after the release', async () => {
    expect(await of('DELETE')).toMatchObject({ status: 204 });
    expect(await reserve([{ sku: 'PEN', quantity: 1 }])).toMatchObject({
      status: 409,
      body: { code: 'reservation_released' },
    });
    expect(await stock('PEN')).toBe(10);
  });

  it('belong to one customer', async () => {
    await reserve([{ sku: 'PEN', quantity: 1 }]);
    const claims = { sub: 'another' };
    for (const method of ['GET', 'DELETE'] as const)
      expect(await of(method, { claims })).toMatchObject({
        status: 404,
        body: { code: 'reservation_not_found' },
      });
    const answer = await reserve([{ sku: 'PEN', quantity: 1 }], { claims });
    expect(answer).toMatchObject({ status: 409, body: { code: 'reservation_differs' } });
    expect(await stock('PEN')).toBe(9);
  });

  it('never make a stock negative: of 20 at once, as many succeed as there are goods', async () => {
    // Half of them name the products in the other order, so a deadlock would show.
    const lines = ['INK', 'PEN'].map((sku) => ({ sku, quantity: 3 }));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_each, index) =>
        reserve(index % 2 ? lines : lines.toReversed(), { id: randomUUID() }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      ...Array<number>(3).fill(201),
      ...Array<number>(17).fill(409),
    ]);
    expect([await stock('INK'), await stock('PEN')]).toEqual([1, 1]);
  });

  it('of one order are made once, and released once, however many ask at once', async () => {
    const many = <T>(ask: () => Promise<T>) => Promise.all(Array.from({ length: 10 }, ask));
    const made = await many(() => reserve([{ sku: 'PEN', quantity: 2 }]));
    expect(made.map(({ status }) => status)).toEqual(Array(10).fill(201));
    expect(await stock('PEN')).toBe(8);
    const released = await many(() => of('DELETE'));
    expect(released.map(({ status }) => status)).toEqual(Array(10).fill(204));
    expect(await stock('PEN')).toBe(10);
  });

  it('can be released when an administrator has set the greatest stock', async () => {
    await reserve([{ sku: 'PEN', quantity: 2 }]);
    await setStock('PEN', 1_000_000);
    expect(await of('DELETE')).toMatchObject({ status: 204 });
    expect(await stock('PEN')).toBe(1_000_000);
  });

  it.each([
    ['orderId', { orderId: '1' }],
    ['lines', { lines: [] }],
    ['lines.0.quantity', { lines: [{ sku: 'PEN', quantity: 0 }] }],
    ['lines.0.quantity', { lines: [{ sku: 'PEN', quantity: 1001 }] }],
    ['lines.0.quantity', { lines: [{ sku: 'PEN', quantity: 1.5 }] }],
    ['lines.0.sku', { lines: [{ sku: 'pen', quantity: 1 }] }],
    ['lines.1.sku', { lines: [1, 2].map((quantity) => ({ sku: 'PEN', quantity })) }],
    ['lines', { lines: Array.from({ length: 51 }, (_line, n) => ({ sku: `P-${n}`, quantity: 1 })) }],
    ['note', { note: '' }],
  ])('400 that names %s', async (field, wrong) => {
    const body = { orderId, lines: [{ sku: 'PEN', quantity: 1 }], ...wrong };
    const answer = await app.send('POST', '/reservations', { token: token(), body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ field }] } });
  });

  describe.each([
    { method: 'POST', path: () => '/reservations', ok: 201 },
    { method: 'GET', path: () => `/reservations/${orderId}`, ok: 200 },
    { method: 'DELETE', path: () => `/reservations/${orderId}`, ok: 204 },
  ])('$method /reservations', ({ method, path, ok }) => {
    const lines = [{ sku: 'PEN', quantity: 1 }];
    const send = (sent?: string) =>
      app.send(method, path(), {
        token: sent,
        ...(method === 'POST' && { body: { orderId, lines } }),
      });
    beforeEach(async () => {
      if (method !== 'POST') await reserve(lines);
    });

    it('401 without a token', async () => {
      expect(await send()).toMatchObject({ status: 401, body: { code: 'missing_token' } });
    });

    it.each([
      ['of the customer for orders', 401, { aud: 'orders', act: undefined }, 'invalid_token'],
      ['of an administrator', 403, { scope: 'inventory:write', act: undefined }, 'wrong_actor'],
      ['of orders for itself', 403, { sub: 'orders', act: undefined, sid: undefined }, 'wrong_actor'],
      ['that another service got', 403, { act: { sub: 'audit' } }, 'wrong_actor'],
      ['that came through orders', 403, { act: { sub: 'audit', act: { sub: 'orders' } } }, 'wrong_actor'],
      ['without a session', 403, { sid: undefined }, 'wrong_actor'],
      ['without the scope', 403, { scope: 'inventory:write' }, 'insufficient_scope'],
    ])('refuses a token %s: %i', async (_whose, status, claims, code) => {
      expect(await send(token(claims))).toMatchObject({ status, body: { code } });
    });

    it(`${ok} with a token that orders got for the customer`, async () => {
      expect(await send(token())).toMatchObject({ status: ok });
    });
  });
});
