import type { MigrationInterface, QueryRunner } from 'typeorm';

/** TypeORM sorts migrations by the timestamp in the name of the class. */
export class Orders1790000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE orders (
        id uuid PRIMARY KEY,
        user_id text NOT NULL,
        status text NOT NULL,
        currency text NOT NULL,
        total_cents bigint NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        cancelled_at timestamptz(3),
        CONSTRAINT orders_status_known CHECK (status IN ('placed', 'cancelled')),
        CONSTRAINT orders_cancelled_once CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
        CONSTRAINT orders_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
        CONSTRAINT orders_total_range CHECK (total_cents BETWEEN 0 AND 5000000000000)
      )`);
    await runner.query(`CREATE INDEX orders_of_user ON orders (user_id, created_at DESC, id DESC)`);
    await runner.query(`
      CREATE TABLE order_lines (
        order_id uuid NOT NULL REFERENCES orders,
        position smallint NOT NULL,
        sku text NOT NULL,
        name text NOT NULL,
        quantity integer NOT NULL,
        unit_price_cents integer NOT NULL,
        PRIMARY KEY (order_id, position),
        CONSTRAINT order_lines_sku_once UNIQUE (order_id, sku),
        CONSTRAINT order_lines_quantity_range CHECK (quantity BETWEEN 1 AND 1000),
        CONSTRAINT order_lines_price_range CHECK (unit_price_cents BETWEEN 0 AND 100000000)
      )`);
    // The role of the service has the name of the database. It may not delete an order, and it may change only its
    // status.
    const [{ runtime }] = (await runner.query(`SELECT quote_ident(current_database()) AS runtime`)) as [
      { runtime: string },
    ];
    await runner.query(`REVOKE UPDATE, DELETE ON orders, order_lines FROM ${runtime}`);
    await runner.query(`GRANT UPDATE (status, cancelled_at) ON orders TO ${runtime}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE order_lines, orders`);
  }
}
