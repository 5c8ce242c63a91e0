import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { documentedScopes } from '#testing';
import { startInventory, type InventoryApp } from './inventory-app.js';

describe('inventory in operation', () => {
  let app: InventoryApp;
  beforeAll(async () => {
    app = await startInventory();
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

  it('counts what the key ring took over and how the guard judged', async () => {
    await app.send('POST', '/products');
    await app.send('PUT', '/products/NONE/stock', { token: app.token(), body: { stock: 1 } });
    await app.send('GET', '/metrics');
    const { text } = await app.send('GET', '/metrics');
    const { epoch } = (await app.send('GET', '/trust')).body;
    expect(text).toContain(`trust_keyset_epoch ${epoch}`);
    expect(text).toContain('trust_keyset_freshness{state="confirmed"} 1');
    expect(text).toContain('trust_keyset_freshness{state="stale"} 0');
    expect(text).toMatch(/trust_statements_accepted_total\{channel="http"\} [1-9]/);
    expect(text).toContain('trust_requests_total{outcome="missing_token"} 1');
    expect(text).toContain('trust_requests_total{outcome="accepted"} 1');
    expect(text).toMatch(/http_request_duration_seconds_count\{method="PUT",route="\/products\/:sku\/stock"/);
  });

  it('shows the keys that it trusts, and nothing private of them', async () => {
    const { body } = await app.send('GET', '/trust');
    expect(body).toMatchObject({
      freshness: 'confirmed',
      keys: [{ status: 'active' }, { status: 'prepared' }],
    });
    expect(JSON.stringify(body)).not.toContain('"d"');
  });

  it('describes itself as a protected resource (RFC 9728)', async () => {
    const path = '/.well-known/oauth-protected-resource';
    const { status, body } = await app.send('GET', path);
    expect(status).toBe(200);
    const { body: document } = await app.send('GET', '/docs/json');
    expect(body).toEqual({
      resource: 'https://inventory.test',
      resource_name: 'inventory',
      authorization_servers: [app.settings.issuer],
      scopes_supported: documentedScopes(document),
      bearer_methods_supported: ['header'],
      resource_documentation: 'https://inventory.test/docs',
    });
    expect(body.scopes_supported).toEqual(expect.arrayContaining(['inventory:reserve', 'inventory:write']));
    expect(await app.send('POST', path)).toMatchObject({ status: 405 });
  });

  it('describes its routes: bodies, parameters, answers, problems, and which ones are open', async () => {
    const { body } = await app.send('GET', '/docs/json');
    const { get, post } = body.paths['/products'];
    expect(get.parameters.map(({ name }: { name: string }) => name).sort()).toEqual(['cursor', 'limit']);
    expect(get.security).toEqual([]);
    expect(get.responses['200'].content['application/json'].schema.properties.items.type).toBe('array');
    expect(post.security ?? body.security).toEqual([{ bearer: [] }]);
    expect(post.requestBody.content['application/json'].schema).toMatchObject({
      required: ['sku', 'name', 'priceCents', 'currency', 'stock'],
      additionalProperties: false,
      properties: { priceCents: { type: 'integer', minimum: 0, maximum: 100000000, example: 4900 } },
    });
    expect(Object.keys(post.responses)).toEqual(expect.arrayContaining(['201', '400', '401', '403', '409']));
    expect(
      post.responses['409'].content['application/problem+json'].examples.product_exists.value.status,
    ).toBe(409);
    expect(await app.send('GET', '/docs')).toMatchObject({ status: 200 });
  });
});

describe('inventory without a word of the issuer', () => {
  let app: InventoryApp;
  beforeAll(async () => {
    app = await startInventory({ statements: false });
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

  it('answers 503 where a token is needed, and serves what is open', async () => {
    const answer = await app.send('PUT', '/products/LAMP/stock', { token: app.token(), body: { stock: 1 } });
    expect(answer).toMatchObject({ status: 503, body: { code: 'trust_stale' } });
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await app.send('GET', '/products')).toMatchObject({ status: 200 });
  });
});
