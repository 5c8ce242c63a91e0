import { apiProblems, defineProblems, ServiceError } from '#service-kit';

export type InventoryErrorCode =
  | 'product_not_found'
  | 'product_exists'
  | 'unknown_sku'
  | 'out_of_stock'
  | 'reservation_not_found'
  | 'reservation_differs'
  | 'reservation_released';

export class InventoryError extends ServiceError<InventoryErrorCode> {}

/** The status and the title that a client gets for each code. */
export const inventoryProblems = defineProblems<InventoryErrorCode>({
  product_not_found: { status: 404, title: 'There is no product with this sku' },
  product_exists: { status: 409, title: 'A product with this sku exists already' },
  unknown_sku: { status: 422, title: 'The reservation names a product that does not exist' },
  out_of_stock: { status: 409, title: 'There is not enough of a product in stock' },
  reservation_not_found: { status: 404, title: 'There is no reservation of this account for the order' },
  reservation_differs: { status: 409, title: 'The order has another reservation' },
  reservation_released: { status: 409, title: 'The reservation of this order was released' },
});

/** Documents the problems that a route itself can answer with. */
export const ApiProblems = apiProblems<InventoryErrorCode>();
