import type { DataSource } from 'typeorm';
import { Product } from './product.entity.js';

const demoProducts = [
  { sku: 'SEAL-BRASS', name: 'Brass seal', priceCents: 4900, currency: 'EUR', stock: 40 },
  { sku: 'WAX-RED', name: 'Sealing wax, red', priceCents: 750, currency: 'EUR', stock: 100_000 },
  { sku: 'PAPER-LAID', name: 'Laid paper, 50 sheets', priceCents: 1290, currency: 'EUR', stock: 120 },
];

/** Adds the demo products that do not exist yet, and returns their skus. Existing products do not change. */
export async function seedProducts(dataSource: DataSource): Promise<string[]> {
  const insert = dataSource.createQueryBuilder().insert().into(Product).values(demoProducts);
  const added = await insert.orIgnore().returning('sku').execute();
  return (added.raw as { sku: string }[]).map(({ sku }) => sku);
}
