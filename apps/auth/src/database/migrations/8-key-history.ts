import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The history of keys grows with the years. These indexes find what is asked about it without reading it all. */
export class KeyHistory1700000000008 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(
      `CREATE INDEX signing_key_published ON signing_key (prepared_at) WHERE status IN ('prepared', 'active', 'retiring')`,
    );
    await db.query(`CREATE INDEX signing_key_revoked ON signing_key (revoked_at) WHERE status = 'revoked'`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP INDEX signing_key_published, signing_key_revoked');
  }
}
