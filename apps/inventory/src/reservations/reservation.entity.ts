import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  JoinColumn,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
} from 'typeorm';
import type { Relation } from 'typeorm';
import { Product } from '../products/product.entity.js';

/** The goods that are kept for one order. They are no longer part of the stock of their products. */
@Entity('reservations')
export class Reservation {
  @PrimaryColumn('uuid', { name: 'order_id' })
  orderId!: string;

  /** The `sub` of the customer who ordered. */
  @Column('text', { name: 'user_id' })
  userId!: string;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  /** From then on its goods are in stock again. A released reservation does not change. */
  @Column({ name: 'released_at', type: 'timestamptz', precision: 3, nullable: true })
  releasedAt!: Date | null;

  /** None if it was released before it was made. */
  @OneToMany(() => ReservationLine, (line) => line.reservation)
  lines!: Relation<ReservationLine>[];
}

/** One product of a reservation. */
@Entity('reservation_lines')
@Check('reservation_lines_quantity_range', 'quantity BETWEEN 1 AND 1000')
export class ReservationLine {
  @PrimaryColumn('uuid', { name: 'order_id' })
  orderId!: string;

  @PrimaryColumn('text', { collation: 'C' })
  sku!: string;

  @Column('integer')
  quantity!: number;

  @ManyToOne(() => Reservation, (reservation) => reservation.lines)
  @JoinColumn({ name: 'order_id', foreignKeyConstraintName: 'reservation_lines_order_id_fkey' })
  reservation!: Relation<Reservation>;

  @ManyToOne(() => Product)
  @JoinColumn({ name: 'sku', foreignKeyConstraintName: 'reservation_lines_sku_fkey' })
  product!: Relation<Product>;
}
