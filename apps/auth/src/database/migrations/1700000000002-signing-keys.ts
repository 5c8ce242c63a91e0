import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The signing keys, the statement counter, rotations and verifiers. What SQL can see of the rules is kept here too. */
export class SigningKeys1700000000002 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE signing_key (
        kid               text PRIMARY KEY,
        alg               text NOT NULL,
        status            text NOT NULL CHECK (status IN ('prepared', 'active', 'retiring', 'retired', 'revoked')),
        public_jwk        jsonb NOT NULL,
        seal              text NOT NULL,
        prepared_at       timestamptz NOT NULL,
        activated_at      timestamptz,
        verify_until      timestamptz,
        retired_at        timestamptz,
        revoked_at        timestamptz,
        revocation_reason text,
        CHECK ((status = 'revoked') = (revoked_at IS NOT NULL)),
        CHECK ((status = 'retired') = (retired_at IS NOT NULL)),
        CHECK (status <> 'active' OR activated_at IS NOT NULL),
        CHECK (status <> 'retiring' OR verify_until IS NOT NULL)
      )`);
    await db.query(
      `CREATE UNIQUE INDEX signing_key_one_active ON signing_key (status) WHERE status = 'active'`,
    );
    await db.query(`
      CREATE TABLE key_set (
        id        boolean PRIMARY KEY CHECK (id),
        epoch     bigint NOT NULL,
        statement text,
        issued_at timestamptz
      )`);
    await db.query('INSERT INTO key_set (id, epoch) VALUES (true, 0)');
    await db.query(`
      CREATE TABLE rotation (
        id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        kid          text NOT NULL REFERENCES signing_key (kid),
        cause        text NOT NULL CHECK (cause IN ('requested', 'emergency')),
        requested_at timestamptz NOT NULL,
        ended_at     timestamptz,
        outcome      text CHECK (outcome IN ('activated', 'aborted')),
        CHECK ((ended_at IS NULL) = (outcome IS NULL))
      )`);
    await db.query('CREATE UNIQUE INDEX rotation_one_open ON rotation ((true)) WHERE ended_at IS NULL');
    await db.query(`
      CREATE TABLE verifier (
        service  text NOT NULL,
        instance text NOT NULL,
        epoch    bigint NOT NULL,
        kids     jsonb NOT NULL,
        pins     jsonb NOT NULL,
        at_ms    float8 NOT NULL,
        seen_at  timestamptz NOT NULL,
        PRIMARY KEY (service, instance)
      )`);
    // History is never deleted, and the counter never replaced, whatever the service is made to do. The runtime role
    // is named like the database.
    await db.query(`
      DO $$ BEGIN
        EXECUTE format('REVOKE DELETE ON signing_key, rotation FROM %I', current_database());
        EXECUTE format('REVOKE INSERT, DELETE ON key_set FROM %I', current_database());
      END $$`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE verifier, rotation, key_set, signing_key');
  }
}
