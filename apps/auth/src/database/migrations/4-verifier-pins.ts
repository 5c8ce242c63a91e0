import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The trust anchors that each verifier pins. These rows live longer than those of `verifier`, and there may be more.
 */
export class VerifierPins1700000000004 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE verifier_pins (
        service  text NOT NULL,
        instance text NOT NULL,
        pins     jsonb NOT NULL,
        seen_at  timestamptz NOT NULL,
        PRIMARY KEY (service, instance)
      )`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE verifier_pins');
  }
}
