import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A key begins as prepared and changes its state only as the life cycle allows. Its key material never changes. */
const LIFE_CYCLE = `
  CREATE FUNCTION signing_key_life_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'INSERT' THEN
      IF NEW.status <> 'prepared' THEN
        RAISE EXCEPTION 'a key begins as prepared, not as %', NEW.status USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END IF;
    IF (NEW.kid, NEW.alg, NEW.public_jwk, NEW.prepared_at) IS DISTINCT FROM (OLD.kid, OLD.alg, OLD.public_jwk, OLD.prepared_at) THEN
      RAISE EXCEPTION 'a key stays the key it is' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status IN ('retired', 'revoked') AND NEW IS DISTINCT FROM OLD THEN
      RAISE EXCEPTION 'what became of a key is history' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.verify_until IS NOT NULL AND NEW.verify_until IS DISTINCT FROM OLD.verify_until THEN
      RAISE EXCEPTION 'verify_until is set once' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
      ('prepared', 'active'), ('active', 'retiring'), ('retiring', 'retired'),
      ('prepared', 'revoked'), ('active', 'revoked'), ('retiring', 'revoked')
    ) THEN
      RAISE EXCEPTION 'no key goes from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = 'retiring' AND NEW.status = 'retired' AND OLD.verify_until > clock_timestamp() THEN
      RAISE EXCEPTION 'a retiring key verifies until %', OLD.verify_until USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER life_cycle BEFORE INSERT OR UPDATE ON signing_key
    FOR EACH ROW EXECUTE FUNCTION signing_key_life_cycle()`;

/** Two statements never have the same epoch. */
const EPOCH_ONLY_GROWS = `
  CREATE FUNCTION key_set_epoch_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.epoch < OLD.epoch OR (NEW.epoch = OLD.epoch AND NEW.statement IS DISTINCT FROM OLD.statement) THEN
      RAISE EXCEPTION 'epoch % does not follow %', NEW.epoch, OLD.epoch USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER epoch_only_grows BEFORE UPDATE ON key_set
    FOR EACH ROW EXECUTE FUNCTION key_set_epoch_only_grows()`;

const HISTORY_STAYS = `
  CREATE FUNCTION history_stays() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'history is never deleted' USING ERRCODE = 'check_violation';
  END $$;
  CREATE TRIGGER history_stays BEFORE DELETE OR TRUNCATE ON signing_key EXECUTE FUNCTION history_stays();
  CREATE TRIGGER history_stays BEFORE DELETE OR TRUNCATE ON key_set EXECUTE FUNCTION history_stays()`;

/** The signing keys, the epoch, rotations and verifiers. The database enforces every rule that SQL can express. */
export class SigningKeys1700000000002 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE signing_key (
        kid               text PRIMARY KEY,
        alg               text NOT NULL,
        status            text NOT NULL,
        public_jwk        jsonb NOT NULL,
        seal              text NOT NULL,
        prepared_at       timestamptz NOT NULL,
        activated_at      timestamptz,
        verify_until      timestamptz,
        retired_at        timestamptz,
        revoked_at        timestamptz,
        revocation_reason text,
        CONSTRAINT signing_key_status CHECK (status IN ('prepared', 'active', 'retiring', 'retired', 'revoked')),
        CONSTRAINT signing_key_active_since CHECK (status <> 'active' OR activated_at IS NOT NULL),
        CONSTRAINT signing_key_retiring_until CHECK (status <> 'retiring' OR verify_until IS NOT NULL),
        CONSTRAINT signing_key_until_retiring CHECK (status NOT IN ('prepared', 'active') OR verify_until IS NULL),
        CONSTRAINT signing_key_retired_at CHECK ((status = 'retired') = (retired_at IS NOT NULL)),
        CONSTRAINT signing_key_revoked_at CHECK ((status = 'revoked') = (revoked_at IS NOT NULL))
      )`);
    await db.query(
      `CREATE UNIQUE INDEX signing_key_one_active ON signing_key (status) WHERE status = 'active'`,
    );
    await db.query(`
      CREATE TABLE key_set (
        id        boolean PRIMARY KEY,
        epoch     bigint NOT NULL,
        statement text,
        anchor    text,
        issued_at timestamptz,
        CONSTRAINT key_set_one_row CHECK (id)
      )`);
    await db.query('INSERT INTO key_set (id, epoch) VALUES (true, 0)');
    await db.query(`
      CREATE TABLE rotation (
        id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        kid          text NOT NULL,
        cause        text NOT NULL,
        requested_at timestamptz NOT NULL,
        ended_at     timestamptz,
        outcome      text,
        CONSTRAINT rotation_key FOREIGN KEY (kid) REFERENCES signing_key (kid) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT rotation_cause CHECK (cause IN ('requested', 'scheduled', 'emergency')),
        CONSTRAINT rotation_outcome CHECK (outcome IN ('activated', 'aborted')),
        CONSTRAINT rotation_ended CHECK ((ended_at IS NULL) = (outcome IS NULL))
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
    await db.query(LIFE_CYCLE);
    await db.query(EPOCH_ONLY_GROWS);
    await db.query(HISTORY_STAYS);
    // The role of the service has the name of the database. It may not delete these rows at all.
    await db.query(`
      DO $$ BEGIN
        EXECUTE format('REVOKE DELETE ON signing_key, rotation FROM %I', current_database());
        EXECUTE format('REVOKE INSERT, DELETE ON key_set FROM %I', current_database());
      END $$`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE verifier, rotation, key_set, signing_key');
    await db.query('DROP FUNCTION signing_key_life_cycle, key_set_epoch_only_grows, history_stays');
  }
}
