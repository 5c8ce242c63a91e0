import { expect, it } from '@jest/globals';
import type { Bearer } from '#trust/nest';
import { OrdersService } from './orders.service.js';

/** A service whose database commits each order, and then loses the connection. */
function setUp({ isThere }: { isThere: () => Promise<boolean> }) {
  const released: string[] = [];
  const manager = {
    create: (_entity: unknown, row: object) => ({ createdAt: new Date(), ...row }),
    insert: async () => undefined,
  };
  const orders = {
    manager: {
      transaction: async (work: (tx: unknown) => Promise<unknown>) => {
        await work(manager);
        throw new Error('the connection was lost');
      },
    },
    existsBy: isThere,
  };
  const service = new OrdersService(
    orders as never,
    { offers: async () => [{ sku: 'INK', name: 'Ink', priceCents: 100, currency: 'EUR' }] } as never,
    {
      reserve: async () => undefined,
      release: async ({ orderId }: { orderId: string }) => void released.push(orderId),
    } as never,
    {
      once: (_request: unknown, work: (complete: unknown) => unknown) => work(async () => undefined),
    } as never,
    { check: () => undefined } as never,
  );
  const bearer = { claims: { sub: 'user-1', iss: 'https://issuer.test' } } as unknown as Bearer;
  const place = () => service.place(bearer, { lines: [{ sku: 'INK', quantity: 1 }] }, undefined);
  return { place, released };
}

it.each([
  ['stay reserved if the order was stored all the same', async () => true, 0],
  ['are released if it was not', async () => false, 1],
  ['stay reserved if nobody can tell', () => Promise.reject(new Error('the database is away')), 0],
])('goods of an order whose commit was not confirmed %s', async (_what, isThere, count) => {
  const { place, released } = setUp({ isThere });
  await expect(place()).rejects.toThrow('the connection was lost');
  expect(released).toHaveLength(count);
});
