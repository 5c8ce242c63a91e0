import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, type EntityManager, type Repository } from 'typeorm';
import { keysetPage, type Page, type PageQuery } from '#service-kit';
import { Catalogue } from '../catalogue/catalogue.js';
import { Order, OrderLine } from './order.entity.js';
import { OrdersError } from '../errors.js';
import { IdempotentRequests } from '../idempotency/idempotent-requests.js';
import { NewAccountLimit } from './new-account-limit.js';
import type { OrderRequest, OrderView } from './order.schemas.js';
import { lineTotalCents, priceOrder, type PricedOrder } from './pricing.js';

/** Who places an order. */
interface Customer {
  readonly userId: string;
  /** When the account was made (NumericDate), if the token says it. */
  readonly accountSince: number | undefined;
}

/** Places, lists and cancels orders. Every method acts for one user and finds only the orders of this user. */
@Injectable()
export class OrdersService {
  constructor(
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    private readonly catalogue: Catalogue,
    private readonly idempotent: IdempotentRequests,
    private readonly newAccountLimit: NewAccountLimit,
  ) {}

  /** Places an order at the present prices. @throws OrdersError any code but `order_not_found` */
  place(
    { userId, accountSince }: Customer,
    request: OrderRequest,
    key: string | undefined,
  ): Promise<OrderView> {
    return this.idempotent.once<OrderView>({ userId, key, request }, async (complete) => {
      const offers = await this.catalogue.offers(request.lines.map(({ sku }) => sku));
      const priced = priceOrder(request.lines, offers);
      this.newAccountLimit.check(priced, accountSince);
      return this.orders.manager.transaction(async (manager) => {
        const order = view(await insert(manager, userId, priced));
        await complete(manager, order);
        return order;
      });
    });
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

  /** Cancels a placed order. A cancelled order does not change. @throws OrdersError `order_not_found` */
  async cancel(userId: string, id: string): Promise<OrderView> {
    await this.orders.update(
      { id, userId, status: 'placed' },
      { status: 'cancelled', cancelledAt: () => 'now()' },
    );
    return this.get(userId, id);
  }
}

async function insert(
  manager: EntityManager,
  userId: string,
  { lines, ...totals }: PricedOrder,
): Promise<Order> {
  const order = manager.create(Order, { id: randomUUID(), userId, status: 'placed', ...totals });
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
