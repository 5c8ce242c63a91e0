import { apiProblems, defineProblems, ServiceError } from '#service-kit';

export type OrdersErrorCode =
  | 'order_not_found'
  | 'unknown_sku'
  | 'mixed_currencies'
  | 'inventory_unavailable'
  | 'idempotency_key_in_flight'
  | 'idempotency_key_reused';

export class OrdersError extends ServiceError<OrdersErrorCode> {}

/** What a client is told of each code. */
export const ordersProblems = defineProblems<OrdersErrorCode>({
  order_not_found: { status: 404, title: 'You have no order of this id' },
  unknown_sku: { status: 422, title: 'The order names a product that does not exist' },
  mixed_currencies: { status: 422, title: 'The products of one order must have one currency' },
  inventory_unavailable: { status: 503, title: 'The products cannot be priced now; try again' },
  idempotency_key_in_flight: { status: 409, title: 'A request with this Idempotency-Key is being handled' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used for another request' },
});

/** Documents the problems that a route's own rules answer with. */
export const ApiProblems = apiProblems<OrdersErrorCode>();
