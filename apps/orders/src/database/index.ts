/** The entities of the database, and the migrations that make their tables. */
import { IdempotencyKeyRecord } from '../idempotency/idempotency-key.entity.js';
import { Order, OrderLine } from '../orders/order.entity.js';
import { Orders1790000000001 } from './migrations/1-orders.js';
import { IdempotencyKeys1790000000002 } from './migrations/2-idempotency-keys.js';

export const entities = [Order, OrderLine, IdempotencyKeyRecord];

/** In their order. A released migration never changes. */
export const migrations = [Orders1790000000001, IdempotencyKeys1790000000002];
