import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sessions that outlive their first token, and the refresh tokens that make them last. */
export class RefreshTokens1700000000009 implements MigrationInterface {
  /** The defaults stay: during an upgrade, replicas of the old version begin sessions and do not know the columns. */
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      ALTER TABLE session
        ADD token_expires_at timestamptz NOT NULL DEFAULT now() + interval '3610 seconds',
        ADD last_used_at timestamptz(3) NOT NULL DEFAULT now(),
        ADD address text,
        ADD device text`);
    await db.query('UPDATE session SET token_expires_at = expires_at, last_used_at = created_at');
    await db.query(`
      CREATE TABLE refresh_family (
        session_id uuid PRIMARY KEY,
        tag_hash   text NOT NULL,
        token_hash text NOT NULL,
        used       jsonb NOT NULL,
        successor  text,
        audience   text NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT refresh_family_session FOREIGN KEY (session_id) REFERENCES session (id)
          ON DELETE CASCADE ON UPDATE CASCADE
      )`);
    await db.query('CREATE UNIQUE INDEX refresh_family_tag ON refresh_family (tag_hash)');
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE refresh_family');
    await db.query('ALTER TABLE session DROP token_expires_at, DROP last_used_at, DROP address, DROP device');
  }
}
