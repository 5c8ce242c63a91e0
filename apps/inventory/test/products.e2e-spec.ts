import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { seedProducts } from '../src/products/demo-products.js';
import { connect, startInventory, type InventoryApp } from './inventory-app.js';

const lamp = { sku: 'LAMP-1', name: 'Lamp', priceCents: 1999, currency: 'EUR', stock: 5 };

describe('the products of inventory', () => {
  let app: InventoryApp;
  const add = (body: object) => app.send('POST', '/products', { token: app.token(), body });

  beforeAll(async () => {
    app = await startInventory();
  });
  afterAll(() => app.close());

  it('adds a product and shows it to anybody', async () => {
    expect(await add(lamp)).toMatchObject({ status: 201, body: lamp });
    const answer = await app.send('GET', '/products/LAMP-1');
    expect(answer).toMatchObject({ status: 200, body: lamp });
    expect(Object.keys(answer.body)).toEqual(['sku', 'name', 'priceCents', 'currency', 'stock']);
  });

  it('refuses a second product of one sku, and keeps the first', async () => {
    expect(await add({ ...lamp, name: 'Another' })).toMatchObject({
      status: 409,
      body: { type: 'about:blank', status: 409, code: 'product_exists', requestId: expect.any(String) },
    });
    expect((await app.send('GET', '/products/LAMP-1')).body.name).toBe('Lamp');
  });

  it('of ten equal requests at once, one adds the product', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => add({ ...lamp, sku: 'RACE' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(9).fill(409)]);
  });

  it('404 for a product that there is not', async () => {
    const none = { status: 404, body: { code: 'product_not_found' } };
    expect(await app.send('GET', '/products/NONE')).toMatchObject(none);
    const change = { token: app.token(), body: { stock: 1 } };
    expect(await app.send('PUT', '/products/NONE/stock', change)).toMatchObject(none);
  });

  it('sets the stock and nothing else', async () => {
    const answer = await app.send('PUT', '/products/LAMP-1/stock', {
      token: app.token(),
      body: { stock: 0 },
    });
    expect(answer).toMatchObject({ status: 200, body: { ...lamp, stock: 0 } });
    expect((await app.send('GET', '/products/LAMP-1')).body).toEqual({ ...lamp, stock: 0 });
  });
});

describe('the list of products', () => {
  let app: InventoryApp;
  const skus = Array.from({ length: 7 }, (_value, index) => `ITEM-${index}`);

  beforeAll(async () => {
    app = await startInventory();
    for (const sku of skus)
      await app.send('POST', '/products', { token: app.token(), body: { ...lamp, sku } });
  });
  afterAll(() => app.close());

  it.each([1, 2, 3, 7, 100])('shows each product once, in pages of %i', async (limit) => {
    const seen: string[] = [];
    let path = `/products?limit=${limit}`;
    for (let pages = 1; ; pages += 1) {
      const { body } = await app.send('GET', path);
      expect(body.items.length).toBeLessThanOrEqual(limit);
      seen.push(...body.items.map(({ sku }: { sku: string }) => sku));
      if (body.nextCursor === null) {
        expect(pages).toBe(Math.ceil(skus.length / limit));
        break;
      }
      path = `/products?limit=${limit}&cursor=${body.nextCursor}`;
    }
    expect(seen).toEqual([...skus].reverse());
  });

  it('shifts nothing when a product is added between two pages', async () => {
    const first = await app.send('GET', '/products?limit=3');
    await app.send('POST', '/products', { token: app.token(), body: { ...lamp, sku: 'NEWEST' } });
    const second = await app.send('GET', `/products?limit=3&cursor=${first.body.nextCursor}`);
    const both = [...first.body.items, ...second.body.items].map(({ sku }) => sku);
    expect(both).toEqual([...skus].reverse().slice(0, 6));
  });
});

describe('the demonstration products', () => {
  let app: InventoryApp;
  beforeAll(async () => {
    app = await startInventory();
  });
  afterAll(() => app.close());

  it('are three in stock; seeding again adds none and overwrites nothing', async () => {
    const dataSource = await connect({
      host: app.settings.databaseHost,
      port: app.settings.databasePort,
      user: app.settings.databaseUser,
      password: app.settings.databasePassword,
      database: app.settings.databaseName,
    });
    try {
      const seeded = await seedProducts(dataSource);
      expect(seeded).toHaveLength(3);
      const { body } = await app.send('GET', '/products');
      expect(body.items.map(({ sku }: { sku: string }) => sku).sort()).toEqual([...seeded].sort());
      expect(body.items.every(({ stock }: { stock: number }) => stock > 0)).toBe(true);

      await app.send('PUT', `/products/${seeded[0]}/stock`, { token: app.token(), body: { stock: 3 } });
      expect(await seedProducts(dataSource)).toEqual([]);
      expect((await app.send('GET', `/products/${seeded[0]}`)).body.stock).toBe(3);
    } finally {
      await dataSource.destroy();
    }
  });
});
