import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startInventory, type InventoryApp } from './inventory-app.js';

const lamp = { sku: 'LAMP', name: 'Lamp', priceCents: 100, currency: 'EUR', stock: 1 };

describe('what inventory refuses', () => {
  let app: InventoryApp;
  beforeAll(async () => {
    app = await startInventory();
    await app.send('POST', '/products', { token: app.token(), body: lamp });
  });
  afterAll(() => app.close());

  it.each([
    ['malformed JSON', '{"sku":', 400, 'malformed_body', undefined],
    ['an empty body', '', 400, 'invalid_request', ''],
    ['a list', '[]', 400, 'invalid_request', ''],
    ['null', 'null', 400, 'invalid_request', ''],
    ['text', '"x"', 400, 'invalid_request', ''],
    ['an unknown field', { ...lamp, colour: 'red' }, 400, 'invalid_request', 'colour'],
    ['a missing field', { ...lamp, name: undefined }, 400, 'invalid_request', 'name'],
    ['a price as text', { ...lamp, priceCents: '100' }, 400, 'invalid_request', 'priceCents'],
    ['a fraction of a cent', { ...lamp, priceCents: 1.5 }, 400, 'invalid_request', 'priceCents'],
    ['a negative price', { ...lamp, priceCents: -1 }, 400, 'invalid_request', 'priceCents'],
    [
      'a price beyond 2^53',
      '{"sku":"A","name":"A","priceCents":9007199254740993,"currency":"EUR","stock":1}',
      400,
      'invalid_request',
      'priceCents',
    ],
    [
      'an infinite stock',
      '{"sku":"A","name":"A","priceCents":1,"currency":"EUR","stock":1e999}',
      400,
      'invalid_request',
      'stock',
    ],
    ['a stock that no integer holds', { ...lamp, stock: 2 ** 31 }, 400, 'invalid_request', 'stock'],
    ['SQL as sku', { ...lamp, sku: `X'; DROP TABLE products; --` }, 400, 'invalid_request', 'sku'],
    ['a path as sku', { ...lamp, sku: '../../etc/passwd' }, 400, 'invalid_request', 'sku'],
    ['a sku of 65 characters', { ...lamp, sku: 'A'.repeat(65) }, 400, 'invalid_request', 'sku'],
    ['a NUL in the name', { ...lamp, sku: 'B', name: 'a\0b' }, 400, 'invalid_request', 'name'],
    ['a blank name', { ...lamp, sku: 'B', name: '   ' }, 400, 'invalid_request', 'name'],
    ['a currency in lower case', { ...lamp, currency: 'eur' }, 400, 'invalid_request', 'currency'],
    [
      'a prototype',
      '{"__proto__":{"stock":1},"sku":"B","name":"B","priceCents":1,"currency":"EUR"}',
      400,
      undefined,
      undefined,
    ],
    ['2 MB', { ...lamp, name: 'x'.repeat(2_000_000) }, 413, 'body_too_large', undefined],
  ])('%s', async (_what, body, status, code, field) => {
    const answer = await app.send('POST', '/products', { token: app.token(), body });
    expect(answer).toMatchObject({
      status,
      body: { status, type: 'about:blank', requestId: expect.any(String) },
    });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    if (code !== undefined) expect(answer.body.code).toBe(code);
    if (field !== undefined) expect(answer.body.errors[0]).toEqual({ field, message: expect.any(String) });
    expect(JSON.stringify(answer.body)).not.toMatch(/ at |node_modules|\.ts:/);
  });

  it('another content type', async () => {
    const headers = { 'content-type': 'application/xml' };
    const answer = await app.send('POST', '/products', { token: app.token(), body: '<sku/>', headers });
    expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
  });

  it.each([
    ['/products?limit=0', 400, 'limit'],
    ['/products?limit=101', 400, 'limit'],
    ['/products?limit=ten', 400, 'limit'],
    ['/products?limit=1&limit=2', 400, 'limit'],
    ['/products?cursor=nonsense', 400, 'cursor'],
    [
      `/products?cursor=${Buffer.from('["2026-01-01T00:00:00Z","lower case"]').toString('base64url')}`,
      400,
      'cursor',
    ],
    [`/products?cursor=${'A'.repeat(5000)}`, 400, 'cursor'],
    ['/products?cursor=%00', 400, 'cursor'],
    ['/products?order=name', 400, 'order'],
    ['/products/lamp', 400, 'sku'],
    ["/products/' OR 1=1 --", 400, 'sku'],
    ['/products/LAMP%00', 400, 'sku'],
    ['/products/%2e%2e%2fproducts', 400, 'sku'],
    ['/products/%zz', 400, undefined],
    ['/products/LAMP/stock', 405, undefined],
    [`/products/${'L'.repeat(101)}`, 400, 'sku'],
    ['/nothing', 404, undefined],
  ])('GET %s: %i', async (path, status, field) => {
    const answer = await app.send('GET', path);
    expect(answer).toMatchObject({ status, body: { status, code: expect.any(String) } });
    if (field !== undefined) expect(answer.body.errors[0].field).toBe(field);
  });

  it('a token of 9 kB', async () => {
    const answer = await app.send('POST', '/products', {
      token: app.token({ note: 'x'.repeat(9000) }),
      body: lamp,
    });
    expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
  });

  it('two Authorization fields, both good', async () => {
    const bearer = `Bearer ${app.token()}`;
    const status = await new Promise((resolve, reject) => {
      const twice = ['Authorization', bearer, 'Authorization', bearer];
      const headers = ['Host', 'localhost', 'Content-Type', 'application/json', ...twice];
      const sent = request(`${app.url}/products`, { method: 'POST', headers }, (response) => {
        resolve(response.resume().statusCode);
      });
      sent.on('error', reject).end(JSON.stringify(lamp));
    });
    expect(status).toBe(400);
  });

  it('and after all that nothing is lost, changed or added', async () => {
    expect((await app.send('GET', '/products')).body.items).toEqual([lamp]);
  });
});
