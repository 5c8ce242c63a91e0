import type { MigrationInterface, QueryRunner } from 'typeorm';

/** During an upgrade a replica of the old version still writes the operator's text as the reason. */
const WORDS_ARE_A_NOTE = `
  CREATE FUNCTION signing_key_words_are_a_note() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    NEW.revocation_note := NEW.revocation_reason;
    NEW.revocation_reason := 'unspecified';
    RETURN NEW;
  END $$;
  CREATE TRIGGER words_are_a_note BEFORE UPDATE ON signing_key FOR EACH ROW
    WHEN (NEW.revocation_reason NOT IN ('unspecified', 'compromised', 'superseded'))
    EXECUTE FUNCTION signing_key_words_are_a_note()`;

/** The reason of a key revocation becomes a code, because it is published. The operator's own text becomes a note. */
export class RevocationReasons1700000000005 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE signing_key ADD revocation_note text');
    // The trigger forbids to change a revoked key. This change only moves the text, so the trigger is off meanwhile.
    await db.query('ALTER TABLE signing_key DISABLE TRIGGER life_cycle');
    await db.query(
      `UPDATE signing_key SET revocation_note = revocation_reason, revocation_reason = 'unspecified'
        WHERE status = 'revoked'`,
    );
    await db.query('ALTER TABLE signing_key ENABLE TRIGGER life_cycle');
    await db.query(
      `ALTER TABLE signing_key ADD CONSTRAINT signing_key_revocation_reason
        CHECK (revocation_reason IN ('unspecified', 'compromised', 'superseded'))`,
    );
    await db.query(WORDS_ARE_A_NOTE);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TRIGGER words_are_a_note ON signing_key');
    await db.query('DROP FUNCTION signing_key_words_are_a_note');
    await db.query('ALTER TABLE signing_key DROP CONSTRAINT signing_key_revocation_reason');
    await db.query('ALTER TABLE signing_key DISABLE TRIGGER life_cycle');
    await db.query('UPDATE signing_key SET revocation_reason = coalesce(revocation_note, revocation_reason)');
    await db.query('ALTER TABLE signing_key ENABLE TRIGGER life_cycle');
    await db.query('ALTER TABLE signing_key DROP revocation_note');
  }
}
