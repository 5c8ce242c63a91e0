import type { FieldError } from '#service-kit';
import type { Offer } from '../catalogue/catalogue.js';
import { OrdersError } from '../errors.js';
import type { OrderRequest } from './order.schemas.js';

/** A line with the name and the price of its product at the time of the order. */
export interface PricedLine {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPriceCents: number;
}

export interface PricedOrder {
  readonly lines: readonly PricedLine[];
  readonly currency: string;
  readonly totalCents: number;
}

/**
 * Computes the price of an order. The nth offer is for the nth line. An undefined offer means that the product does not
 * exist. All amounts are whole cents and exact: 50 lines × 1,000 pieces × 100,000,000 cents stay below 2^53.
 * @throws OrdersError `unknown_sku` or `mixed_currencies`, with an error for each wrong line
 */
export function priceOrder(
  lines: OrderRequest['lines'],
  offers: readonly (Offer | undefined)[],
): PricedOrder {
  refuse('unknown_sku', 'There is no such product', (index) => offers[index] === undefined);
  const found = offers as readonly Offer[];
  const currency = found[0]!.currency;
  refuse('mixed_currencies', `Not sold in ${currency}`, (index) => found[index]!.currency !== currency);
  const priced = lines.map(({ sku, quantity }, index) => {
    const { name, priceCents } = found[index]!;
    return { sku, name, quantity, unitPriceCents: priceCents };
  });
  return { lines: priced, currency, totalCents: priced.reduce((sum, line) => sum + lineTotalCents(line), 0) };

  function refuse(
    code: 'unknown_sku' | 'mixed_currencies',
    message: string,
    isAtFault: (index: number) => boolean,
  ) {
    const errors = lines.flatMap((_line, index): FieldError[] =>
      isAtFault(index) ? [{ field: `lines.${index}.sku`, message }] : [],
    );
    if (errors.length > 0) throw new OrdersError(code, { errors });
  }
}

export function lineTotalCents({
  quantity,
  unitPriceCents,
}: Pick<PricedLine, 'quantity' | 'unitPriceCents'>): number {
  return quantity * unitPriceCents;
}
