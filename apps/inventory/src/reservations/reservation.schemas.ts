/** The schemas of requests and answers about reservations. */
import { z } from 'zod';
import { refuseRepeated } from '#service-kit';
import { sku } from '../products/product.schemas.js';

export const orderId = z.uuid();

const line = z.strictObject({ sku, quantity: z.int().min(1).max(1000).meta({ example: 2 }) });

export const reservationRequest = z.strictObject({
  orderId,
  lines: z.array(line).min(1).max(50).superRefine(refuseRepeated('sku')),
});
export type ReservationRequest = z.output<typeof reservationRequest>;

/** Its lines are sorted by sku. */
export const reservation = z.strictObject({
  orderId,
  status: z.enum(['held', 'released']),
  lines: z.array(line),
  createdAt: z.iso.datetime(),
});
export type ReservationView = z.output<typeof reservation>;
