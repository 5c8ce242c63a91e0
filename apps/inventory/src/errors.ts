import { apiProblems, defineProblems, ServiceError } from '#service-kit';

export type InventoryErrorCode = 'product_not_found' | 'product_exists';

export class InventoryError extends ServiceError<InventoryErrorCode> {}

/** The status and the title that a client gets for each code. */
export const inventoryProblems = defineProblems<InventoryErrorCode>({
  product_not_found: { status: 404, title: 'There is no product with this sku' },
  product_exists: { status: 409, title: 'A product with this sku exists already' },
});

/** Documents the problems that a route itself can answer with. */
export const ApiProblems = apiProblems<InventoryErrorCode>();
