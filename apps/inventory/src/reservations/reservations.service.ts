/**
 * Keeps goods for orders. Each change is one transaction. It locks the reservation first and then its products in the
 * order of their skus, so that two changes cannot deadlock and no stock becomes negative.
 */
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { FieldError } from '#service-kit';
import { InventoryError } from '../errors.js';
import { Reservation, ReservationLine } from './reservation.entity.js';
import type { ReservationRequest, ReservationView } from './reservation.schemas.js';

type Line = ReservationRequest['lines'][number];

@Injectable()
export class ReservationsService {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Takes the goods of an order out of stock. The same request again changes nothing and gets the same answer.
   *
   * @throws InventoryError `unknown_sku` · `out_of_stock`, with an error for each wrong line · `reservation_differs` if
   * the order has another one · `reservation_released`
   */
  reserve(userId: string, { orderId, lines }: ReservationRequest): Promise<ReservationView> {
    return this.dataSource.transaction(async (tx) => {
      if (await insert(tx, { orderId, userId, releasedAt: null })) {
        await takeFromStock(tx, lines);
        await tx.insert(
          ReservationLine,
          lines.map((line) => ({ ...line, orderId })),
        );
      }
      const found = await find(tx, { orderId, userId });
      if (found?.releasedAt) throw new InventoryError('reservation_released');
      if (!found || !haveSameLines(found.lines, lines)) throw new InventoryError('reservation_differs');
      return view(found);
    });
  }

  /** @throws InventoryError `reservation_not_found` */
  async get(userId: string, orderId: string): Promise<ReservationView> {
    const found = await find(this.dataSource.manager, { orderId, userId });
    if (!found) throw new InventoryError('reservation_not_found');
    return view(found);
  }

  /**
   * Puts the goods of an order back into stock. A second call changes nothing. It also ends a reservation that was not
   * made yet: a request to reserve that comes later than its release is refused, and keeps no goods.
   *
   * @throws InventoryError `reservation_not_found` if the order has a reservation of another account
   */
  release(userId: string, orderId: string): Promise<void> {
    return this.dataSource.transaction(async (tx) => {
      if (await insert(tx, { orderId, userId, releasedAt: () => 'clock_timestamp()' })) return;
      const [[released]] = await tx.query<[object[]]>(
        `UPDATE reservations SET released_at = clock_timestamp()
          WHERE order_id = $1 AND user_id = $2 AND released_at IS NULL RETURNING order_id`,
        [orderId, userId],
      );
      if (released) return putBackIntoStock(tx, await tx.findBy(ReservationLine, { orderId }));
      if (!(await find(tx, { orderId, userId }))) throw new InventoryError('reservation_not_found');
    });
  }
}

/** Returns false if the order has a reservation. Waits for a transaction that is just inserting one. */
async function insert(
  tx: EntityManager,
  row: Pick<Reservation, 'orderId' | 'userId'> & { releasedAt: null | (() => string) },
): Promise<boolean> {
  const query = tx.createQueryBuilder().insert().into(Reservation).values(row);
  const inserted = await query.orIgnore().returning('order_id').execute();
  return (inserted.raw as object[]).length === 1;
}

async function find(
  manager: EntityManager,
  where: Pick<Reservation, 'orderId' | 'userId'>,
): Promise<Reservation | undefined> {
  // Not findOne: with a relation, it asks the database twice.
  const [found] = await manager.find(Reservation, {
    where,
    relations: { lines: true },
    order: { lines: { sku: 'ASC' } },
  });
  return found;
}

function haveSameLines(kept: readonly Line[], wanted: readonly Line[]): boolean {
  const quantities = new Map(kept.map(({ sku, quantity }) => [sku, quantity]));
  return (
    kept.length === wanted.length && wanted.every(({ sku, quantity }) => quantities.get(sku) === quantity)
  );
}

/** @throws InventoryError `unknown_sku` · `out_of_stock` */
async function takeFromStock(tx: EntityManager, lines: readonly Line[]): Promise<void> {
  const stock = await lockProducts(tx, lines);
  const faults = (
    isAtFault: (line: Line) => boolean,
    error: (line: Line) => Omit<FieldError, 'field'>,
    member: keyof Line,
  ) =>
    lines.flatMap((line, index) =>
      isAtFault(line) ? [{ field: `lines.${index}.${member}`, ...error(line) }] : [],
    );
  const unknown = faults(
    ({ sku }) => !stock.has(sku),
    () => ({ message: 'There is no such product' }),
    'sku',
  );
  if (unknown.length > 0) throw new InventoryError('unknown_sku', { errors: unknown });
  const short = faults(
    ({ sku, quantity }) => stock.get(sku)! < quantity,
    ({ sku }) => ({ message: `In stock: ${stock.get(sku)}` }),
    'quantity',
  );
  if (short.length > 0) throw new InventoryError('out_of_stock', { errors: short });
  await changeStock(tx, lines, 'stock - line.quantity');
}

async function putBackIntoStock(tx: EntityManager, lines: readonly Line[]): Promise<void> {
  await lockProducts(tx, lines);
  // An administrator may have set the stock meanwhile, and the database allows no more than this.
  await changeStock(tx, lines, 'least(stock + line.quantity, 1000000)');
}

/** Locks the products in the order of their skus. Returns their stock by sku. */
async function lockProducts(tx: EntityManager, lines: readonly Line[]): Promise<Map<string, number>> {
  const rows = await tx.query<{ sku: string; stock: number }[]>(
    'SELECT sku, stock FROM products WHERE sku = ANY($1) ORDER BY sku FOR NO KEY UPDATE',
    [lines.map(({ sku }) => sku)],
  );
  return new Map(rows.map(({ sku, stock }) => [sku, stock]));
}

/** @param stock SQL for the new stock */
async function changeStock(tx: EntityManager, lines: readonly Line[], stock: string): Promise<void> {
  await tx.query(
    `UPDATE products SET stock = ${stock} FROM unnest($1::text[], $2::int[]) AS line(sku, quantity)
      WHERE products.sku = line.sku`,
    [lines.map(({ sku }) => sku), lines.map(({ quantity }) => quantity)],
  );
}

function view({ orderId, releasedAt, lines, createdAt }: Reservation): ReservationView {
  return {
    orderId,
    status: releasedAt ? 'released' : 'held',
    lines: lines.map(({ sku, quantity }) => ({ sku, quantity })),
    createdAt: createdAt.toISOString(),
  };
}
