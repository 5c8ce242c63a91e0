import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, type Answer } from '#testing';
import { json, lamp, startOrders, type OrdersApp } from './orders-app.js';

describe('orders when inventory', () => {
  let app: OrdersApp;
  /** Waits 300 ms for inventory and no longer. */
  let hasty: OrdersApp;
  const place = (lines = [{ sku: 'LAMP', quantity: 1 }]): Promise<Answer> =>
    app.send('POST', '/orders', { token: app.token(), body: { lines } });

  beforeAll(async () => {
    app = await startOrders();
    hasty = await startOrders({ inventoryTimeoutMs: 300 });
  });
  afterEach(() => app.inventory.reset());
  afterAll(() => Promise.all([app.close(), hasty.close()]));

  it.each<[string, Parameters<typeof behave>[0]]>([
    ['answers 500', (_sku, response) => response.writeHead(500).end('boom')],
    ['answers 503 twice', (_sku, response) => response.writeHead(503).end()],
    ['hangs up', (_sku, response) => response.destroy()],
    ['answers no JSON', (_sku, response) => response.end('<html>')],
    ['answers nothing', (_sku, response) => response.end()],
    ['answers another product', (_sku, response) => json(response, 200, { ...lamp, sku: 'CHAIR' })],
    ['names no price', (_sku, response) => json(response, 200, { ...lamp, priceCents: undefined })],
    ['names a price as text', (_sku, response) => json(response, 200, { ...lamp, priceCents: '1999' })],
    ['names a negative price', (_sku, response) => json(response, 200, { ...lamp, priceCents: -1 })],
    ['names an absurd price', (_sku, response) => json(response, 200, { ...lamp, priceCents: 100_000_001 })],
    ['redirects', (_sku, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['is not inventory', (_sku, response) => json(response, 404, { code: 'route_not_found' })],
    ['wants a token', (_sku, response) => json(response, 401, { code: 'missing_token' })],
    ['answers without end', (_sku, response) => response.end(Buffer.alloc(3_000_000, ' '))],
  ])('%s: 503, soon', async (_what, behaviour) => {
    behave(behaviour);
    await expectUnavailable(app);
  });

  it.each<[string, Parameters<typeof behave>[0]]>([
    ['does not answer', () => undefined],
    ['begins to answer and stalls', (_sku, response) => response.writeHead(200).write('{"sku":')],
  ])('%s: 503, soon', async (_what, behaviour) => {
    hasty.inventory.behave = behaviour;
    await expectUnavailable(hasty);
  });

  it('fails once in passing: it is asked once more', async () => {
    behave((_sku, response) => {
      behave(app.inventory.sell);
      response.writeHead(503).end();
    });
    expect(await place()).toMatchObject({ status: 201 });
    expect(app.inventory.asked).toEqual(['LAMP', 'LAMP']);
  });

  it('fails for one product of many: no order, and it is not asked about the rest', async () => {
    const held: (() => void)[] = [];
    behave((sku, response) =>
      sku === 'S-7' ? response.writeHead(500).end() : held.push(() => json(response, 200, { ...lamp, sku })),
    );
    const lines = Array.from({ length: 50 }, (_value, n) => ({ sku: `S-${n}`, quantity: 1 }));
    expect(await place(lines)).toMatchObject({ status: 503 });
    held.forEach((answer) => answer());
    behave(app.inventory.sell);
    expect(await place()).toMatchObject({ status: 201 });
    // Eight at once, the one that took the place of the failed one, and the lamp.
    expect(app.inventory.asked.length).toBeLessThanOrEqual(10);
  });

  it('is back: orders needs no restart', async () => {
    behave((_sku, response) => response.destroy());
    expect(await place()).toMatchObject({ status: 503 });
    app.inventory.reset();
    expect(await place()).toMatchObject({ status: 201 });
  });

  it('fails in any of these ways, it leaves no order behind', async () => {
    const { body } = await app.send('GET', '/orders', { token: app.token() });
    expect(body.items).toHaveLength(3);
  });

  it('is away altogether: what is no question to it still works, and orders is ready', async () => {
    const closed = await startOrders({ inventoryUrl: `http://127.0.0.1:${await freePort()}` });
    try {
      const token = closed.token();
      const body = { lines: [{ sku: 'LAMP', quantity: 1 }] };
      expect(await closed.send('POST', '/orders', { token, body })).toMatchObject({ status: 503 });
      expect(await closed.send('GET', '/orders', { token })).toMatchObject({ status: 200 });
      expect(await closed.send('GET', '/health/ready')).toMatchObject({ status: 200 });
    } finally {
      await closed.close();
    }
  });

  it('does not even speak HTTP', async () => {
    const server = createServer((socket) => socket.end('220 mail.test ESMTP\r\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const other = await startOrders({ inventoryUrl: `http://127.0.0.1:${port}` });
    try {
      const body = { lines: [{ sku: 'LAMP', quantity: 1 }] };
      const answer = await other.send('POST', '/orders', { token: other.token(), body });
      expect(answer).toMatchObject({ status: 503, body: { code: 'inventory_unavailable' } });
    } finally {
      await other.close();
      server.close();
    }
  });

  function behave(behaviour: OrdersApp['inventory']['behave']): void {
    app.inventory.behave = behaviour;
  }
});

async function expectUnavailable(app: OrdersApp): Promise<void> {
  const begun = Date.now();
  const body = { lines: [{ sku: 'LAMP', quantity: 1 }] };
  const answer = await app.send('POST', '/orders', { token: app.token(), body });
  expect(answer).toMatchObject({ status: 503, body: { code: 'inventory_unavailable' } });
  expect(answer.body).not.toHaveProperty('errors');
  expect(answer.headers.get('retry-after')).toBe('2');
  expect(JSON.stringify(answer.body)).not.toContain('127.0.0.1');
  expect(Date.now() - begun).toBeLessThan(2000);
}
