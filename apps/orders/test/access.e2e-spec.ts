import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestRecipient, encryptCompact } from '#testing';
import { startOrders, type OrdersApp } from './orders-app.js';

/** RFC 9728 §5.1. */
const metadata = 'resource_metadata="https://orders.test/.well-known/oauth-protected-resource"';

const body = { lines: [{ sku: 'LAMP', quantity: 1 }] };

describe('who may use which route of orders', () => {
  let app: OrdersApp;
  beforeAll(async () => {
    app = await startOrders();
  });
  afterAll(() => app.close());

  describe.each([
    { method: 'POST', path: '/orders', body, scope: 'orders:write', other: 'orders:read', ok: 201 },
    { method: 'GET', path: '/orders', scope: 'orders:read', other: 'orders:write', ok: 200 },
    { method: 'GET', path: '/orders/:id', scope: 'orders:read', other: 'orders:write', ok: 200 },
    { method: 'POST', path: '/orders/:id/cancel', scope: 'orders:write', other: 'orders:read', ok: 200 },
  ])('$method $path', ({ method, path, body: sent, scope, other, ok }) => {
    let id: string;
    const send = (token?: string) => app.send(method, path.replace(':id', id), { token, body: sent });

    beforeAll(async () => {
      ({ id } = (await app.send('POST', '/orders', { token: app.token(), body })).body);
    });

    it('401 without a token', async () => {
      const answer = await send();
      expect(answer).toMatchObject({ status: 401, body: { code: 'missing_token' } });
      expect(answer.headers.get('www-authenticate')).toBe(`Bearer ${metadata}`);
    });

    it.each([
      ['a token for inventory', { aud: 'inventory' }],
      ['a token for several services', { aud: ['orders', 'inventory'] }],
      ['an expired token', { exp: 1 }],
      ['a token of another issuer', { iss: 'https://other.test' }],
    ])('401 with %s', async (_what, claims) => {
      const answer = await send(app.token(claims));
      expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
      expect(answer.headers.get('www-authenticate')).toBe(`Bearer error="invalid_token", ${metadata}`);
    });

    it('401 with one character of the token changed', async () => {
      const [header, payload, signature] = app.token().split('.') as [string, string, string];
      const changed = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
      expect(await send([header, payload, changed].join('.'))).toMatchObject({ status: 401 });
    });

    it.each([other, 'inventory:write', '', undefined])('403 with the scope "%s"', async (wrong) => {
      const answer = await send(app.token({ scope: wrong }));
      expect(answer).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
      expect(answer.headers.get('www-authenticate')).toBe(
        `Bearer error="insufficient_scope", scope="${scope}", ${metadata}`,
      );
    });

    it(`${ok} with the scope ${scope} alone`, async () => {
      expect(await send(app.token({ scope }))).toMatchObject({ status: ok });
    });
  });

  it.each(['/trust', '/health/live', '/health/ready', '/docs/json', '/metrics'])(
    'GET %s is open',
    async (path) => {
      expect(await app.send('GET', path)).toMatchObject({ status: 200 });
    },
  );

  it("another's order does not exist: not to read, not to cancel, not in the list", async () => {
    const mine = (await app.send('POST', '/orders', { token: app.token(), body })).body;
    const token = app.token({ sub: 'user-2' });
    const none = { status: 404, body: { code: 'order_not_found' } };
    const foreign = await app.send('GET', `/orders/${mine.id}`, { token });
    expect(foreign).toMatchObject(none);
    expect(await app.send('POST', `/orders/${mine.id}/cancel`, { token })).toMatchObject(none);
    expect((await app.send('GET', '/orders', { token })).body).toEqual({ items: [], nextCursor: null });
    // Not to be told from one that there never was.
    const unknown = await app.send('GET', `/orders/${randomUUID()}`, { token });
    expect({ ...unknown.body, requestId: '' }).toEqual({ ...foreign.body, requestId: '' });
    expect((await app.send('GET', `/orders/${mine.id}`, { token: app.token() })).body).toEqual(mine);
  });
});

it('with TOKEN_DECRYPTION_KEY_FILE: 200 with an encrypted token, 401 with the same token unencrypted', async () => {
  const recipient = createTestRecipient();
  const app = await startOrders({ tokenDecryptionKey: recipient.privateJwk });
  try {
    const token = app.token();
    expect(await app.send('GET', '/orders', { token })).toMatchObject({ status: 401 });
    const encrypted = encryptCompact(token, recipient);
    expect(await app.send('GET', '/orders', { token: encrypted })).toMatchObject({ status: 200 });
  } finally {
    await app.close();
  }
});
