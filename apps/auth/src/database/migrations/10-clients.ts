import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The OAuth clients, their public keys, and the assertions that were used a moment ago. */
export class Clients1700000000010 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE client (
        id          text PRIMARY KEY,
        disabled_at timestamptz,
        CONSTRAINT client_web_stays CHECK (id <> 'web' OR disabled_at IS NULL)
      )`);
    await db.query(`INSERT INTO client (id) VALUES ('web')`);
    await db.query(`
      CREATE TABLE client_key (
        kid        text PRIMARY KEY,
        client_id  text NOT NULL,
        alg        text NOT NULL,
        public_jwk jsonb NOT NULL,
        added_at   timestamptz NOT NULL DEFAULT now(),
        not_after  timestamptz,
        CONSTRAINT client_key_of_client FOREIGN KEY (client_id) REFERENCES client (id),
        CONSTRAINT client_key_not_web CHECK (client_id <> 'web')
      )`);
    await db.query('CREATE INDEX client_key_client ON client_key (client_id)');
    // The primary key is what makes an assertion good for one use, at all replicas together.
    await db.query(`
      CREATE TABLE client_assertion (
        client_id  text NOT NULL,
        jti        text NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (client_id, jti),
        CONSTRAINT client_assertion_of_client FOREIGN KEY (client_id) REFERENCES client (id)
      )`);
    await db.query('CREATE INDEX client_assertion_expires_at ON client_assertion (expires_at)');
    // The role of the service has the name of the database. It deletes no client and changes no key.
    await db.query(`
      DO $$ BEGIN
        EXECUTE format('REVOKE UPDATE, DELETE ON client, client_key FROM %I', current_database());
        EXECUTE format('GRANT UPDATE (disabled_at) ON client TO %I', current_database());
        EXECUTE format('GRANT UPDATE (not_after) ON client_key TO %I', current_database());
      END $$`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE client_assertion, client_key, client');
  }
}
