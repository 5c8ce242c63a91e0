/** The schemas of requests and answers about orders. */
import { z } from 'zod';
import { refuseRepeated } from '#service-kit';
import { orderStatuses } from './order.entity.js';

/** The same form as in inventory. */
const sku = z
  .string()
  .max(64)
  .regex(
    /^[A-Z0-9]+(-[A-Z0-9]+)*$/,
    'Expected upper-case letters and digits, in groups joined by single dashes',
  )
  .meta({ example: 'SEAL-BRASS' });
const quantity = z.int().min(1).max(1000).meta({ example: 2 });

const orderedLine = z.strictObject({ sku, quantity });

export const orderRequest = z.strictObject({
  lines: z.array(orderedLine).min(1).max(50).superRefine(refuseRepeated('sku')),
});
export type OrderRequest = z.output<typeof orderRequest>;

const cents = z.int().min(0);

export const order = z.strictObject({
  id: z.uuid(),
  status: z.enum(orderStatuses),
  lines: z.array(
    z.strictObject({
      sku,
      name: z.string().meta({ example: 'Brass seal' }),
      quantity,
      unitPriceCents: cents.meta({ example: 4900 }),
      lineTotalCents: cents.meta({ example: 9800 }),
    }),
  ),
  totalCents: cents.meta({ example: 9800 }),
  currency: z.string().meta({ example: 'EUR' }),
  createdAt: z.iso.datetime(),
});
export type OrderView = z.output<typeof order>;

export const orderPage = z.strictObject({ items: z.array(order), nextCursor: z.string().nullable() });

export const orderId = z.uuid();
