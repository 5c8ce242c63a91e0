import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Reservations1790000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE reservations (
        order_id uuid PRIMARY KEY,
        user_id text NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        released_at timestamptz(3)
      )`);
    await runner.query(`
      CREATE TABLE reservation_lines (
        order_id uuid CONSTRAINT reservation_lines_order_id_fkey REFERENCES reservations,
        sku text COLLATE "C" CONSTRAINT reservation_lines_sku_fkey REFERENCES products,
        quantity integer NOT NULL,
        PRIMARY KEY (order_id, sku),
        CONSTRAINT reservation_lines_quantity_range CHECK (quantity BETWEEN 1 AND 1000)
      )`);
    // The service may end a reservation. It may not change or delete one.
    const [{ runtime }] = (await runner.query(`SELECT quote_ident(current_database()) AS runtime`)) as [
      { runtime: string },
    ];
    await runner.query(`REVOKE UPDATE, DELETE ON reservations, reservation_lines FROM ${runtime}`);
    await runner.query(`GRANT UPDATE (released_at) ON reservations TO ${runtime}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE reservation_lines`);
    await runner.query(`DROP TABLE reservations`);
  }
}
