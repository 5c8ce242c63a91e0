/** What the database holds: the entities that the service reads and writes, and the migrations that made their tables. */
import { Product } from '../products/product.entity.js';
import { Products1790000000001 } from './migrations/1-products.js';

export const entities = [Product];

/** In their order; a migration that has been released is never changed. */
export const migrations = [Products1790000000001];
