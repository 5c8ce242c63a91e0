/** Fetches products and their present prices from inventory. */
import pLimit from 'p-limit';
import { z } from 'zod';
import type { ServiceClient } from '#service-kit';
import { inventoryFault } from '../errors.js';

/** A product and its present price. */
export interface Offer {
  readonly sku: string;
  readonly name: string;
  /** At most 100,000,000, because inventory allows no greater price. */
  readonly priceCents: number;
  readonly currency: string;
}

/** How many products of one order are fetched at the same time, so that one order does not overload inventory. */
const lookupsAtOnce = 8;

/** 404 counts only with inventory's own code, so that a wrong base URL does not make every product unknown. */
const noSuchProduct = z.object({ code: z.literal('product_not_found') });

export class Catalogue {
  constructor(private readonly inventory: ServiceClient) {}

  /**
   * Fetches the offer for each sku, in the same order. An offer is undefined if inventory does not know the sku. A
   * late, invalid or missing answer is an error.
   * @throws OrdersError `inventory_unavailable`
   */
  async offers(skus: readonly string[]): Promise<(Offer | undefined)[]> {
    const limit = pLimit(lookupsAtOnce);
    try {
      return await limit.map(skus, (sku) => this.offer(sku));
    } catch (error) {
      limit.clearQueue();
      throw inventoryFault(error);
    }
  }

  private async offer(sku: string): Promise<Offer | undefined> {
    const offer = z.object({
      sku: z.literal(sku),
      name: z.string().min(1).max(200),
      priceCents: z.int().min(0).max(100_000_000),
      currency: z.string().regex(/^[A-Z]{3}$/),
    });
    const answer = await this.inventory.call({
      path: `/products/${encodeURIComponent(sku)}`,
      expect: { 200: offer, 404: noSuchProduct },
    });
    return answer.status === 200 ? answer.body : undefined;
  }
}
