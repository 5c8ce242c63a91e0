import type { MigrationInterface, QueryRunner } from 'typeorm';

/** TypeORM sorts migrations by the timestamp in the name of the class. */
export class Products1790000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE products (
        sku text COLLATE "C" PRIMARY KEY,
        name text NOT NULL,
        price_cents integer NOT NULL,
        currency text NOT NULL,
        stock integer NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT products_sku_form CHECK (sku ~ '^[A-Z0-9]+(-[A-Z0-9]+)*$' AND length(sku) <= 64),
        CONSTRAINT products_name_length CHECK (length(name) BETWEEN 1 AND 200),
        CONSTRAINT products_price_range CHECK (price_cents BETWEEN 0 AND 100000000),
        CONSTRAINT products_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
        CONSTRAINT products_stock_range CHECK (stock BETWEEN 0 AND 1000000)
      )`);
    await runner.query(`CREATE INDEX products_newest ON products (created_at DESC, sku DESC)`);
    // The role of the service has the name of the database. It may not delete a product, and it may change only its
    // stock.
    const [{ runtime }] = (await runner.query(`SELECT quote_ident(current_database()) AS runtime`)) as [
      { runtime: string },
    ];
    await runner.query(`REVOKE UPDATE, DELETE ON products FROM ${runtime}`);
    await runner.query(`GRANT UPDATE (stock) ON products TO ${runtime}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE products`);
  }
}
