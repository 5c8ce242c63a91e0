import { Check, Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** A product and its stock. The database enforces the checks; the migrations make them. */
@Entity('products')
@Check('products_sku_form', `sku ~ '^[A-Z0-9]+(-[A-Z0-9]+)*$' AND length(sku) <= 64`)
@Check('products_name_length', 'length(name) BETWEEN 1 AND 200')
@Check('products_price_range', 'price_cents BETWEEN 0 AND 100000000')
@Check('products_currency_form', `currency ~ '^[A-Z]{3}$'`)
@Check('products_stock_range', 'stock BETWEEN 0 AND 1000000')
@Index('products_newest', ['createdAt', 'sku'])
export class Product {
  @PrimaryColumn('text', { collation: 'C' })
  sku!: string;

  @Column('text')
  name!: string;

  @Column('integer', { name: 'price_cents' })
  priceCents!: number;

  @Column('text')
  currency!: string;

  @Column('integer')
  stock!: number;

  /** With milliseconds, like the cursors of lists. */
  @CreateDateColumn({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
