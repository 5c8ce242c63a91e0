import { apiProblems, defineProblems, ServiceError } from '#service-kit';

export type InventoryErrorCode = 'product_not_found' | 'product_exists';

export class InventoryError extends ServiceError<InventoryErrorCode> {}

/** What a client is told of each code. */
export const inventoryProblems = defineProblems<InventoryErrorCode>({
  product_not_found: { status: 404, title: 'There is no product of this sku' },
  product_exists: { status: 409, title: 'There is a product of this sku already' },
});

/** Documents the problems that a route's own rules answer with. */
export const ApiProblems = apiProblems<InventoryErrorCode>();
