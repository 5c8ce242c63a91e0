import type { MigrationInterface, QueryRunner } from 'typeorm';

/** TypeORM sorts migrations by the timestamp in the name of the class. */
export class Entries1790000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE entries (
        id uuid PRIMARY KEY,
        title text NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT entries_title_length CHECK (length(title) BETWEEN 1 AND 200)
      )`);
    await runner.query(`CREATE INDEX entries_newest ON entries (created_at DESC, id DESC)`);
    // The role of the service has the name of the database. It may read and add entries. It may not change or delete
    // them.
    const [{ runtime }] = (await runner.query(`SELECT quote_ident(current_database()) AS runtime`)) as [
      { runtime: string },
    ];
    await runner.query(`REVOKE UPDATE, DELETE ON entries FROM ${runtime}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE entries`);
  }
}
