import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, type EntityManager, type Repository } from 'typeorm';
import { keysetPage, type Page, type PageQuery } from '#service-kit';
import { accountSince } from '#trust';
import type { Bearer } from '#trust/nest';
import { Catalogue } from '../catalogue/catalogue.js';
import { Order, OrderLine } from './order.entity.js';
import { OrdersError } from '../errors.js';
import { IdempotentRequests } from '../idempotency/idempotent-requests.js';
import { NewAccountLimit } from './new-account-limit.js';
import type { OrderRequest, OrderView } from './order.schemas.js';
import { lineTotalCents, priceOrder, type PricedOrder } from './pricing.js';
import { Stock } from '../stock/stock.js';

/** Places, lists and cancels orders. Every method acts for one user and finds only the orders of this user. */
@Injectable()
export class OrdersService {
  private readonly log = new Logger('orders');

  constructor(
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    private readonly catalogue: Catalogue,
    private readonly stock: Stock,
    private readonly idempotent: IdempotentRequests,
    private readonly newAccountLimit: NewAccountLimit,
  ) {}

  /**
   * Places an order at the present prices, and reserves its goods.
   *
   * @throws OrdersError any code but `order_not_found`
   * @throws ServiceError `invalid_token` if the token is no longer good
   */
  place(bearer: Bearer, request: OrderRequest, key: string | undefined): Promise<OrderView> {
    const { sub: userId } = bearer.claims;
    return this.idempotent.once<OrderView>({ userId, key, request }, async (complete) => {
      const offers = await this.catalogue.offers(request.lines.map(({ sku }) => sku));
      const priced = priceOrder(request.lines, offers);
      this.newAccountLimit.check(priced, accountSince(bearer.claims));
      const id = randomUUID();
      let mayBePlaced = false;
      try {
        await this.stock.reserve({ bearer, orderId: id }, request.lines);
        return await this.orders.manager.transaction(async (manager) => {
          const order = view(await insert(manager, { id, userId, ...priced }));
          await complete(manager, order);
          // The commit comes next. It may succeed although its confirmation is lost.
          mayBePlaced = true;
          return order;
        });
      } catch (error) {
        if (Stock.mayBeReserved(error)) await this.releaseUnlessPlaced(bearer, id, mayBePlaced);
        throw error;
      }
    });
  }

  /**
   * Releases the goods of an order that failed. It asks the database only about an order that may be placed, so a database
   * that is away does not prevent the release of any other.
   *
   * Never rejects: the error of the order matters more. Goods that stay reserved are a line in the log.
   */
  private async releaseUnlessPlaced(bearer: Bearer, id: string, mayBePlaced: boolean): Promise<void> {
    try {
      if (mayBePlaced && (await this.orders.existsBy({ id }))) return;
      await this.stock.release({ bearer, orderId: id });
    } catch (error) {
      this.log.error(
        `the goods of the order ${id}, which failed, may stay reserved: ${(error as Error).message}`,
      );
    }
  }

  /** The orders of the user, the newest first. */
  async list(userId: string, query: PageQuery): Promise<Page<OrderView>> {
    const own = this.orders.createQueryBuilder('order').where('order.userId = :userId', { userId });
    const { items: orders, nextCursor } = await keysetPage(own, query);
    const byId = new Map(
      orders.map((order) => [order.id, Object.assign(order, { lines: [] as OrderLine[] })]),
    );
    const lines = await this.orders.manager.findBy(OrderLine, { orderId: In([...byId.keys()]) });
    for (const line of lines) byId.get(line.orderId)?.lines.push(line);
    return { items: orders.map(view), nextCursor };
  }

  /** One order of the user. @throws OrdersError `order_not_found` */
  async get(userId: string, id: string): Promise<OrderView> {
    // Not findOne: with a relation, it asks the database twice.
    const [found] = await this.orders.find({ where: { id, userId }, relations: { lines: true } });
    if (!found) throw new OrdersError('order_not_found');
    return view(found);
  }

  /**
   * Cancels an order, and releases its goods. A cancelled order does not change, but a release that failed is repeated.
   *
   * @throws OrdersError `order_not_found` · `inventory_unavailable` if the order is cancelled but its goods may still be
   * reserved
   * @throws ServiceError `invalid_token` if the token is no longer good; then, too, the goods may still be reserved
   */
  async cancel(bearer: Bearer, id: string): Promise<OrderView> {
    const { sub: userId } = bearer.claims;
    await this.orders.update(
      { id, userId, status: 'placed' },
      { status: 'cancelled', cancelledAt: () => 'now()' },
    );
    const order = await this.get(userId, id);
    await this.stock.release({ bearer, orderId: id });
    return order;
  }
}

async function insert(
  manager: EntityManager,
  { lines, ...facts }: PricedOrder & Pick<Order, 'id' | 'userId'>,
): Promise<Order> {
  const order = manager.create(Order, { ...facts, status: 'placed' });
  await manager.insert(Order, order);
  order.lines = lines.map((line, position) =>
    manager.create(OrderLine, { ...line, orderId: order.id, position }),
  );
  await manager.insert(OrderLine, order.lines);
  return order;
}

function view({ id, status, lines, totalCents, currency, createdAt }: Order): OrderView {
  const inOrder = lines.toSorted((a, b) => a.position - b.position);
  return {
    id,
    status,
    lines: inOrder.map(({ sku, name, quantity, unitPriceCents }) => {
      return {
        sku,
        name,
        quantity,
        unitPriceCents,
        lineTotalCents: lineTotalCents({ quantity, unitPriceCents }),
      };
    }),
    totalCents,
    currency,
    createdAt: createdAt.toISOString(),
  };
}
