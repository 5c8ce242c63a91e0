import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startInventory, type InventoryApp } from './inventory-app.js';

/** RFC 9728 §5.1. */
const metadata = 'resource_metadata="https://inventory.test/.well-known/oauth-protected-resource"';

const product = { sku: 'LAMP', name: 'Lamp', priceCents: 100, currency: 'EUR', stock: 1 };

describe('who may use which route of inventory', () => {
  let app: InventoryApp;
  beforeAll(async () => {
    app = await startInventory();
  });
  afterAll(() => app.close());

  describe.each([
    { method: 'POST', path: '/products', body: product, ok: 201 },
    { method: 'PUT', path: '/products/LAMP/stock', body: { stock: 2 }, ok: 200 },
  ])('$method $path', ({ method, path, body, ok }) => {
    const send = (token?: string) => app.send(method, path, { token, body });

    it('401 without a token', async () => {
      const answer = await send();
      expect(answer).toMatchObject({ status: 401, body: { code: 'missing_token' } });
      expect(answer.headers.get('www-authenticate')).toBe(`Bearer ${metadata}`);
    });

    it.each([
      ['a token for orders', { aud: 'orders' }],
      ['an expired token', { exp: 1 }],
      ['a token of another issuer', { iss: 'https://other.test' }],
    ])('401 with %s', async (_what, claims) => {
      const answer = await send(app.token(claims));
      expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
      expect(answer.headers.get('www-authenticate')).toBe(`Bearer error="invalid_token", ${metadata}`);
    });

    it('401 with one character of the token changed', async () => {
      const [header, payload, signature] = app.token().split('.') as [string, string, string];
      const changed = (payload.startsWith('e') ? 'f' : 'e') + payload.slice(1);
      expect(await send([header, changed, signature].join('.'))).toMatchObject({ status: 401 });
    });

    it('403 without the scope', async () => {
      const answer = await send(app.token({ scope: 'orders:write inventory:read' }));
      expect(answer).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
      expect(answer.headers.get('www-authenticate')).toBe(
        `Bearer error="insufficient_scope", scope="inventory:write", ${metadata}`,
      );
    });

    it(`${ok} with the scope`, async () => {
      expect(await send(app.token())).toMatchObject({ status: ok });
    });
  });

  it.each([
    '/products',
    '/products/LAMP',
    '/trust',
    '/health/live',
    '/health/ready',
    '/docs/json',
    '/metrics',
  ])('GET %s is open', async (path) => {
    expect(await app.send('GET', path)).toMatchObject({ status: 200 });
    expect(await app.send('GET', path, { token: 'not.a.token' })).toMatchObject({ status: 200 });
  });
});
