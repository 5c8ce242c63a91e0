import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a rotation also waits for third parties. They never acknowledge, and they may cache the JWKS. */
export class RotationWaits1700000000007 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    // It has a default for replicas of the old version.
    await db.query('ALTER TABLE rotation ADD waits_for_jwks boolean NOT NULL DEFAULT false');
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE rotation DROP waits_for_jwks');
  }
}
