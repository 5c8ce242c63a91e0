import { apiProblems, defineProblems, ServiceError, UpstreamError } from '#service-kit';

export type OrdersErrorCode =
  | 'order_not_found'
  | 'unknown_sku'
  | 'mixed_currencies'
  | 'new_account_limit'
  | 'out_of_stock'
  | 'inventory_unavailable'
  | 'idempotency_key_in_flight'
  | 'idempotency_key_reused';

export class OrdersError extends ServiceError<OrdersErrorCode> {}

/** The status and the title that a client gets for each code. */
export const ordersProblems = defineProblems<OrdersErrorCode>({
  order_not_found: { status: 404, title: 'You have no order with this id' },
  unknown_sku: { status: 422, title: 'The order names a product that does not exist' },
  mixed_currencies: { status: 422, title: 'All products of an order must have the same currency' },
  new_account_limit: {
    status: 422,
    title: 'The order is too large for a new account; place a smaller one, or wait',
  },
  out_of_stock: { status: 409, title: 'There is not enough of a product in stock' },
  inventory_unavailable: {
    status: 503,
    title: 'The products cannot be looked up or reserved now; try again',
  },
  idempotency_key_in_flight: {
    status: 409,
    title: 'A request with this Idempotency-Key is still in progress; try again',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'This Idempotency-Key was used for a different request; use a new key',
  },
});

/** Documents the problems that a route itself can answer with. */
export const ApiProblems = apiProblems<OrdersErrorCode>();

const retryAfterSeconds = 2;

/** Returns what a client gets if a call of inventory failed. Any other error stays as it is. */
export function inventoryFault(error: unknown): unknown {
  if (!(error instanceof UpstreamError)) return error;
  return new OrdersError('inventory_unavailable', {
    message: error.message,
    cause: error,
    retryAfterSeconds,
  });
}
