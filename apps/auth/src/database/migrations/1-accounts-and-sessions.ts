import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AccountsAndSessions1700000000001 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE account (
        id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        email         text NOT NULL,
        password_hash text NOT NULL,
        roles         text[] NOT NULL,
        created_at    timestamptz NOT NULL,
        disabled_at   timestamptz,
        CONSTRAINT account_email_unique UNIQUE (email),
        CONSTRAINT account_roles CHECK (cardinality(roles) > 0 AND roles <@ ARRAY['customer', 'admin'])
      )`);
    await db.query(`
      CREATE TABLE session (
        id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        account_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        ended_at   timestamptz,
        CONSTRAINT session_account FOREIGN KEY (account_id) REFERENCES account (id)
      )`);
    await db.query('CREATE INDEX session_account_live ON session (account_id) WHERE ended_at IS NULL');
    // rate-limiter-flexible needs exactly these columns.
    await db.query(`
      CREATE TABLE failed_login (
        key    varchar(255) PRIMARY KEY,
        points integer NOT NULL DEFAULT 0,
        expire bigint
      )`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE failed_login, session, account');
  }
}
