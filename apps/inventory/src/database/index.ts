/** The entities of the database, and the migrations that make their tables. */
import { Product } from '../products/product.entity.js';
import { Products1790000000001 } from './migrations/1-products.js';

export const entities = [Product];

/** In their order. A released migration never changes. */
export const migrations = [Products1790000000001];
