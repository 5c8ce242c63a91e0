/** The schemas of requests and answers about products. */
import { z } from 'zod';
import { pageQueryOf } from '#service-kit';

/** Upper-case letters, digits and single dashes, so that it needs no escape in a URL, a log line or an order. */
export const sku = z
  .string()
  .max(64)
  .regex(
    /^[A-Z0-9]+(-[A-Z0-9]+)*$/,
    'Expected upper-case letters and digits, in groups joined by single dashes',
  )
  .meta({ example: 'SEAL-BRASS' });

const stock = z.int().min(0).max(1_000_000).meta({ example: 40 });

export const product = z.strictObject({
  sku,
  name: z.string().trim().min(1).max(200).meta({ example: 'Brass seal' }),
  priceCents: z.int().min(0).max(100_000_000).meta({ example: 4900 }),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'Expected an ISO 4217 code such as EUR')
    .meta({ example: 'EUR' }),
  stock,
});
export type ProductView = z.output<typeof product>;

export const stockChange = z.strictObject({ stock });
export type StockChange = z.output<typeof stockChange>;

export const productPage = z.strictObject({ items: z.array(product), nextCursor: z.string().nullable() });
export const productPageQuery = pageQueryOf(sku);
