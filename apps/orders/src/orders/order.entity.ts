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

/** PostgreSQL's bigint comes as text; the checks keep these far below 2^53. */
const asNumber = { from: Number, to: (value: number) => value };

/** An order. But for its status it never changes; the database lets the service write nothing else. */
@Entity('orders')
@Check('orders_status_known', `status IN ('placed', 'cancelled')`)
@Check('orders_cancelled_once', `(status = 'cancelled') = (cancelled_at IS NOT NULL)`)
@Check('orders_currency_form', `currency ~ '^[A-Z]{3}$'`)
@Check('orders_total_range', 'total_cents BETWEEN 0 AND 5000000000000')
@Index('orders_of_user', ['userId', 'createdAt', 'id'])
export class Order {
  @PrimaryColumn('uuid')
  id!: string;

  /** The `sub` of whoever placed it. */
  @Column('text', { name: 'user_id' })
  userId!: string;

  @Column('text')
  status!: OrderStatus;

  @Column('text')
  currency!: string;

  @Column('bigint', { name: 'total_cents', transformer: asNumber })
  totalCents!: number;

  /** In milliseconds, as the cursors of lists are. */
  @CreateDateColumn({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ name: 'cancelled_at', type: 'timestamptz', precision: 3, nullable: true })
  cancelledAt!: Date | null;

  @OneToMany(() => OrderLine, (line) => line.order)
  lines!: Relation<OrderLine>[];
}

/** A product as it was when it was ordered. */
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
