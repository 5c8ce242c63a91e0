import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The longest life of a token (3,600 s) plus twice the greatest tolerated skew (5 s). So no old session ends too early.
 */
const LONGEST_SECONDS = 3_610;

export class SessionExpiry1700000000006 implements MigrationInterface {
  /** The default stays: during an upgrade, replicas of the old version begin sessions and do not know the column. */
  async up(db: QueryRunner): Promise<void> {
    await db.query(
      `ALTER TABLE session ADD expires_at timestamptz NOT NULL DEFAULT now() + interval '${LONGEST_SECONDS} seconds'`,
    );
    await db.query('CREATE INDEX session_expires_at ON session (expires_at)');
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE session DROP expires_at');
  }
}
