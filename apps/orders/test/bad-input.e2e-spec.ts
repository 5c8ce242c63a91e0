import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startOrders, type OrdersApp } from './orders-app.js';

const line = { sku: 'LAMP', quantity: 1 };
const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('what orders refuses', () => {
  let app: OrdersApp;
  let kept: unknown;

  beforeAll(async () => {
    app = await startOrders();
    kept = (await app.send('POST', '/orders', { token: app.token(), body: { lines: [line] } })).body;
    app.inventory.reset();
  });
  afterAll(() => app.close());

  it.each([
    ['malformed JSON', '{"lines":[', 400, 'malformed_body', undefined],
    ['an empty body', '', 400, 'invalid_request', ''],
    ['a list', [line], 400, 'invalid_request', ''],
    ['null', 'null', 400, 'invalid_request', ''],
    ['no lines', {}, 400, 'invalid_request', 'lines'],
    ['an empty list of lines', { lines: [] }, 400, 'invalid_request', 'lines'],
    ['lines as an object', { lines: { 0: line } }, 400, 'invalid_request', 'lines'],
    [
      '51 lines',
      { lines: Array.from({ length: 51 }, (_value, n) => ({ sku: `S-${n}`, quantity: 1 })) },
      400,
      'invalid_request',
      'lines',
    ],
    ['a sku twice', { lines: [line, line] }, 400, 'invalid_request', 'lines.1.sku'],
    ['an unknown field', { lines: [line], userId: 'user-2' }, 400, 'invalid_request', 'userId'],
    [
      'a price of its own',
      { lines: [{ ...line, unitPriceCents: 1 }] },
      400,
      'invalid_request',
      'lines.0.unitPriceCents',
    ],
    ['no quantity', { lines: [{ sku: 'LAMP' }] }, 400, 'invalid_request', 'lines.0.quantity'],
    [
      'a quantity as text',
      { lines: [{ ...line, quantity: '1' }] },
      400,
      'invalid_request',
      'lines.0.quantity',
    ],
    ['a quantity of 0', { lines: [{ ...line, quantity: 0 }] }, 400, 'invalid_request', 'lines.0.quantity'],
    [
      'a quantity of 1001',
      { lines: [{ ...line, quantity: 1001 }] },
      400,
      'invalid_request',
      'lines.0.quantity',
    ],
    [
      'a quantity of 1.5',
      { lines: [{ ...line, quantity: 1.5 }] },
      400,
      'invalid_request',
      'lines.0.quantity',
    ],
    ['a quantity of -1', { lines: [{ ...line, quantity: -1 }] }, 400, 'invalid_request', 'lines.0.quantity'],
    [
      'a quantity beyond 2^53',
      '{"lines":[{"sku":"LAMP","quantity":9007199254740993}]}',
      400,
      'invalid_request',
      'lines.0.quantity',
    ],
    [
      'an infinite quantity',
      '{"lines":[{"sku":"LAMP","quantity":1e999}]}',
      400,
      'invalid_request',
      'lines.0.quantity',
    ],
    ['a sku as number', { lines: [{ ...line, sku: 1 }] }, 400, 'invalid_request', 'lines.0.sku'],
    ['a blank sku', { lines: [{ ...line, sku: '' }] }, 400, 'invalid_request', 'lines.0.sku'],
    [
      'SQL as sku',
      { lines: [{ ...line, sku: `' OR 1=1; DROP TABLE orders; --` }] },
      400,
      'invalid_request',
      'lines.0.sku',
    ],
    ['a path as sku', { lines: [{ ...line, sku: '../products' }] }, 400, 'invalid_request', 'lines.0.sku'],
    ['a URL as sku', { lines: [{ ...line, sku: '//evil.test/x' }] }, 400, 'invalid_request', 'lines.0.sku'],
    ['a query as sku', { lines: [{ ...line, sku: 'LAMP?limit=1' }] }, 400, 'invalid_request', 'lines.0.sku'],
    ['a NUL in a sku', { lines: [{ ...line, sku: 'LAMP\0' }] }, 400, 'invalid_request', 'lines.0.sku'],
    ['2 MB', { lines: [{ ...line, sku: 'A'.repeat(2_000_000) }] }, 413, 'body_too_large', undefined],
    ['20,000 brackets', '['.repeat(20_000) + ']'.repeat(20_000), 400, 'invalid_request', undefined],
  ])('%s', async (_what, body, status, code, field) => {
    const answer = await app.send('POST', '/orders', { token: app.token(), body });
    expect(answer).toMatchObject({
      status,
      body: { type: 'about:blank', status, code, requestId: expect.any(String) },
    });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    if (field !== undefined) expect(answer.body.errors[0]).toEqual({ field, message: expect.any(String) });
    expect(JSON.stringify(answer.body)).not.toMatch(/ at |node_modules|\.ts:/);
  });

  it.each([
    ['GET', '/orders?limit=0', 400, 'limit'],
    ['GET', '/orders?limit=101', 400, 'limit'],
    ['GET', '/orders?limit=1e1000', 400, 'limit'],
    ['GET', '/orders?cursor=nonsense', 400, 'cursor'],
    ['GET', `/orders?cursor=${cursorOf(['2026-01-01T00:00:00.000Z', "' OR 1=1"])}`, 400, 'cursor'],
    [
      'GET',
      `/orders?cursor=${cursorOf(['yesterday', '7d444840-9dc0-41d1-b245-5ffdce74fad2'])}`,
      400,
      'cursor',
    ],
    ['GET', `/orders?cursor=${cursorOf({ createdAt: 1 })}`, 400, 'cursor'],
    ['GET', `/orders?cursor=${'A'.repeat(5000)}`, 400, 'cursor'],
    ['GET', '/orders?userId=user-2', 400, 'userId'],
    ['GET', '/orders/1', 400, 'id'],
    ['GET', "/orders/7d444840-9dc0-41d1-b245-5ffdce74fad2'--", 400, 'id'],
    ['GET', '/orders/%00', 400, 'id'],
    ['GET', '/orders/%2e%2e%2fhealth', 400, 'id'],
    ['GET', '/orders/%zz', 400, undefined],
    ['POST', '/orders/1/cancel', 400, 'id'],
    ['DELETE', '/orders/7d444840-9dc0-41d1-b245-5ffdce74fad2', 405, undefined],
    ['GET', `/orders/${'7'.repeat(101)}`, 400, 'id'],
    ['GET', '/nothing', 404, undefined],
  ])('%s %s: %i', async (method, path, status, field) => {
    const answer = await app.send(method, path, { token: app.token() });
    expect(answer).toMatchObject({ status, body: { status, code: expect.any(String) } });
    if (field !== undefined) expect(answer.body.errors[0].field).toBe(field);
  });

  it('another content type', async () => {
    const headers = { 'content-type': 'application/xml' };
    const answer = await app.send('POST', '/orders', { token: app.token(), body: '<lines/>', headers });
    expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
  });

  it('a token of 9 kB', async () => {
    const answer = await app.send('GET', '/orders', { token: app.token({ note: 'x'.repeat(9000) }) });
    expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
  });

  it.each([
    ['Authorization', (token: string) => `Bearer ${token}`],
    ['Idempotency-Key', () => 'k'],
  ])('two fields %s, both good', async (name, valueOf) => {
    const token = app.token();
    const fields: Record<string, string> = { Authorization: `Bearer ${token}`, [name]: valueOf(token) };
    const headers = ['Host', 'localhost', 'Content-Type', 'application/json', name, valueOf(token)];
    const all = [...headers, ...Object.entries(fields).flat()];
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${app.url}/orders`, { method: 'POST', headers: all }, (response) => {
        resolve(response.resume().statusCode);
      });
      sent.on('error', reject).end(JSON.stringify({ lines: [line] }));
    });
    expect(status).toBe(400);
  });

  it('and after all that nothing is lost or added, and inventory never heard of it', async () => {
    const { body } = await app.send('GET', '/orders', { token: app.token() });
    expect(body.items).toEqual([kept]);
    expect(app.inventory.asked).toEqual([]);
  });
});
