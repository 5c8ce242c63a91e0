import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { documentedScopes } from '#testing';
import { startOrders, type OrdersApp } from './orders-app.js';

const body = { lines: [{ sku: 'LAMP', quantity: 1 }] };

describe('orders in operation', () => {
  let app: OrdersApp;
  beforeAll(async () => {
    app = await startOrders();
  });
  afterAll(() => app.close());

  it('is ready, though degraded, without NATS', async () => {
    expect(await app.send('GET', '/health/ready')).toMatchObject({
      status: 200,
      body: {
        status: 'degraded',
        checks: {
          database: { status: 'up' },
          trust: { status: 'up', freshness: 'confirmed', epoch: expect.any(Number) },
          nats: { status: 'degraded' },
        },
      },
    });
  });

  it('counts how the guard judged', async () => {
    await app.send('GET', '/orders');
    await app.send('GET', '/orders', { token: app.token() });
    await app.send('GET', '/orders', { token: app.token({ aud: 'inventory' }) });
    const { text } = await app.send('GET', '/metrics');
    expect(text).toContain('trust_keyset_freshness{state="confirmed"} 1');
    for (const outcome of ['missing_token', 'accepted', 'wrong_audience']) {
      expect(text).toContain(`trust_requests_total{outcome="${outcome}"} 1`);
    }
  });

  it('describes itself as a protected resource (RFC 9728)', async () => {
    const path = '/.well-known/oauth-protected-resource';
    const { status, body } = await app.send('GET', path);
    expect(status).toBe(200);
    const { body: document } = await app.send('GET', '/docs/json');
    expect(body).toEqual({
      resource: 'https://orders.test',
      resource_name: 'orders',
      authorization_servers: [app.settings.issuer],
      scopes_supported: documentedScopes(document),
      bearer_methods_supported: ['header'],
      resource_documentation: 'https://orders.test/docs',
    });
    expect(body.scopes_supported).toEqual(expect.arrayContaining(['orders:read', 'orders:write']));
    expect(await app.send('POST', path)).toMatchObject({ status: 405 });
  });

  it('describes its routes: bodies, headers, parameters, answers and problems', async () => {
    const { body } = await app.send('GET', '/docs/json');
    const { get, post } = body.paths['/orders'];
    expect(get.parameters.map(({ name }: { name: string }) => name).sort()).toEqual(['cursor', 'limit']);
    expect(post.parameters).toMatchObject([{ name: 'Idempotency-Key', in: 'header', required: false }]);
    expect(post.requestBody.content['application/json'].schema.properties.lines).toMatchObject({
      minItems: 1,
      maxItems: 50,
      items: { properties: { quantity: { type: 'integer', minimum: 1, maximum: 1000 } } },
    });
    const problems = ['400', '401', '403', '409', '422', '503'];
    expect(Object.keys(post.responses)).toEqual(expect.arrayContaining(['201', ...problems]));
    expect(Object.keys(post.responses['422'].content['application/problem+json'].examples).sort()).toEqual([
      'idempotency_key_reused',
      'mixed_currencies',
      'new_account_limit',
      'unknown_sku',
    ]);
    expect(body.paths['/orders/{id}'].get.parameters).toMatchObject([
      { name: 'id', in: 'path', required: true },
    ]);
    expect(await app.send('GET', '/docs')).toMatchObject({ status: 200 });
  });
});

describe('orders without a word of the issuer', () => {
  let app: OrdersApp;
  beforeAll(async () => {
    app = await startOrders({ statements: false });
  });
  afterAll(() => app.close());

  it('lives, is not ready, and says why', async () => {
    expect(await app.send('GET', '/health/live')).toMatchObject({ status: 200 });
    expect(await app.send('GET', '/health/ready')).toMatchObject({
      status: 503,
      body: {
        status: 'not_ready',
        checks: { database: { status: 'up' }, trust: { status: 'down', freshness: 'empty' } },
      },
    });
  });

  it('answers 503 where a token is needed', async () => {
    const answer = await app.send('POST', '/orders', { token: app.token(), body });
    expect(answer).toMatchObject({ status: 503, body: { code: 'trust_stale' } });
    expect(answer.headers.get('retry-after')).toBe('1');
  });
});
