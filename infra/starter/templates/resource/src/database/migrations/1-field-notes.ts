import type { MigrationInterface, QueryRunner } from 'typeorm';

export class FieldNotes1790000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE field_notes (
        id uuid PRIMARY KEY,
        user_id text NOT NULL,
        title text NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT field_notes_title_length CHECK (length(title) BETWEEN 1 AND 200)
      )`);
    await runner.query(`CREATE INDEX field_notes_of_user ON field_notes (user_id, created_at DESC, id DESC)`);
    // The role of the service has the name of the database. It may change only the title, so no row gets another owner.
    const [{ runtime }] = (await runner.query(`SELECT quote_ident(current_database()) AS runtime`)) as [
      { runtime: string },
    ];
    await runner.query(`REVOKE UPDATE ON field_notes FROM ${runtime}`);
    await runner.query(`GRANT UPDATE (title) ON field_notes TO ${runtime}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE field_notes`);
  }
}
