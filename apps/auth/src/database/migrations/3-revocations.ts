import type { MigrationInterface, QueryRunner } from 'typeorm';

const COUNTER_ONLY_GROWS = `
  CREATE FUNCTION revocation_counter_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.last < OLD.last THEN
      RAISE EXCEPTION 'revocation % does not follow %', NEW.last, OLD.last USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER only_grows BEFORE UPDATE ON revocation_counter
    FOR EACH ROW EXECUTE FUNCTION revocation_counter_only_grows()`;

/**
 * Revocations of sessions, tokens and clients, until they no longer matter. Their counter has a row of its own. In
 * `key_set` every logout would wait for every statement, and a login that ends a session could deadlock with a
 * statement.
 */
export class Revocations1700000000003 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE revocation_counter (
        id   boolean PRIMARY KEY,
        last bigint NOT NULL,
        CONSTRAINT revocation_counter_one_row CHECK (id)
      )`);
    await db.query('INSERT INTO revocation_counter (id, last) VALUES (true, 0)');
    await db.query(COUNTER_ONLY_GROWS);
    await db.query(`
      CREATE TABLE revocation (
        n          bigint PRIMARY KEY,
        kind       text NOT NULL,
        value      text NOT NULL,
        jws        text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        stream     text,
        sequence   bigint,
        CONSTRAINT revocation_kind CHECK (kind IN ('jti', 'sid', 'client_id'))
      )`);
    // The cursor of a page of sessions is a time with milliseconds.
    await db.query('ALTER TABLE session ALTER created_at TYPE timestamptz(3)');
    await db.query(`
      DO $$ BEGIN
        EXECUTE format('REVOKE INSERT, DELETE ON revocation_counter FROM %I', current_database());
      END $$`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE session ALTER created_at TYPE timestamptz');
    await db.query('DROP TABLE revocation, revocation_counter');
    await db.query('DROP FUNCTION revocation_counter_only_grows');
  }
}
