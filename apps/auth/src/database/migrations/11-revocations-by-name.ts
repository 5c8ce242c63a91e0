import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The token endpoint asks for each token whether a revocation names it. There may be 250,000. */
export class RevocationsByName1700000000011 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query('CREATE INDEX revocation_kind_value ON revocation (kind, value)');
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP INDEX revocation_kind_value');
  }
}
