import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  Unique,
  type Relation,
} from 'typeorm';

export const orderStatuses = ['placed', 'cancelled'] as const;
export type OrderStatus = (typeof orderStatuses)[number];

/** The PostgreSQL driver returns a bigint as text. The checks keep the values far below 2^53. */
const asNumber = { from: Number, to: (value: number) => value };

/** An order. Only its status changes: the database does not let the service change anything else. */
@Entity('orders')
@Check('orders_status_known', `status IN ('placed', 'cancelled')`)
@Check('orders_cancelled_once', `(status = 'cancelled') = (cancelled_at IS NOT NULL)`)
@Check('orders_currency_form', `currency ~ '^[A-Z]{3}$'`)
@Check('orders_total_range', 'total_cents BETWEEN 0 AND 5000000000000')
@Index('orders_of_user', ['userId', 'createdAt', 'id'])
export class Order {
  @PrimaryColumn('uuid')
  id!: string;

  /** The `sub` of the customer who placed it. */
  @Column('text', { name: 'user_id' })
  userId!: string;

  @Column('text')
  status!: OrderStatus;

  @Column('text')
  currency!: string;

  @Column('bigint', { name: 'total_cents', transformer: asNumber })
  totalCents!: number;

  /** With milliseconds, like the cursors of lists. */
  @CreateDateColumn({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ name: 'cancelled_at', type: 'timestamptz', precision: 3, nullable: true })
  cancelledAt!: Date | null;

  @OneToMany(() => OrderLine, (line) => line.order)
  lines!: Relation<OrderLine>[];
}

/** A line of an order: the product with the name and the price that it had when it was ordered. */
@Entity('order_lines')
@Check('order_lines_quantity_range', 'quantity BETWEEN 1 AND 1000')
@Check('order_lines_price_range', 'unit_price_cents BETWEEN 0 AND 100000000')
@Unique('order_lines_sku_once', ['orderId', 'sku'])
export class OrderLine {
  @PrimaryColumn('uuid', { name: 'order_id' })
  orderId!: string;

  @PrimaryColumn('smallint')
  position!: number;

  @Column('text')
  sku!: string;

  @Column('text')
  name!: string;

  @Column('integer')
  quantity!: number;

  @Column('integer', { name: 'unit_price_cents' })
  unitPriceCents!: number;

  @ManyToOne(() => Order, (order) => order.lines)
  @JoinColumn({ name: 'order_id', foreignKeyConstraintName: 'order_lines_order_id_fkey' })
  order!: Relation<Order>;
}
