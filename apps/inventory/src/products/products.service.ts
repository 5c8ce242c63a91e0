import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { QueryFailedError, type Repository } from 'typeorm';
import { keysetPage, type Page, type PageQuery } from '#service-kit';
import { Product } from './product.entity.js';
import { InventoryError } from '../errors.js';
import type { ProductView } from './product.schemas.js';

@Injectable()
export class ProductsService {
  constructor(@InjectRepository(Product) private readonly products: Repository<Product>) {}

  /** All products, the newest first. */
  list(page: PageQuery): Promise<Page<Product>> {
    return keysetPage(this.products.createQueryBuilder('product'), page, { id: 'sku' });
  }

  /** @throws InventoryError `product_not_found` */
  async get(sku: string): Promise<Product> {
    const found = await this.products.findOneBy({ sku });
    if (!found) throw new InventoryError('product_not_found');
    return found;
  }

  /** @throws InventoryError `product_exists` */
  async add(product: ProductView): Promise<void> {
    try {
      // A copy, because TypeORM writes the default values of the database into its argument.
      await this.products.insert({ ...product });
    } catch (cause) {
      if (isUniqueViolation(cause)) throw new InventoryError('product_exists', { cause });
      throw cause;
    }
  }

  /** @throws InventoryError `product_not_found` */
  async setStock(sku: string, stock: number): Promise<Product> {
    const { affected } = await this.products.update({ sku }, { stock });
    if (affected === 0) throw new InventoryError('product_not_found');
    return this.get(sku);
  }
}

/** SQLSTATE 23505; PostgreSQL, appendix A. */
function isUniqueViolation(error: unknown): boolean {
  return error instanceof QueryFailedError && (error.driverError as { code?: unknown }).code === '23505';
}
