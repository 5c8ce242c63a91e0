/** What becomes of reasons that were stored as free text, and of those that a replica of the version before stores. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { dataSourceOptions, runMigrations } from '#service-kit';
import { createTestDatabase, testSettings, type TestDatabase } from '#testing';
import { entities, migrations } from '../src/database/index.js';
import { RevocationReasons1700000000005 } from '../src/database/migrations/5-revocation-reasons.js';

let database: TestDatabase;
let owner: DataSource;

const options = (upTo: readonly (typeof migrations)[number][]) =>
  dataSourceOptions(testSettings(database.owner), { entities, migrations: [...upTo] });
/** As auth does it: prepared first. */
async function revoke(kid: string, reason: string): Promise<void> {
  await owner.query(
    `INSERT INTO signing_key (kid, alg, status, public_jwk, seal, prepared_at)
     VALUES ($1, 'ES256', 'prepared', '{}', '', now())`,
    [kid],
  );
  await owner.query(
    `UPDATE signing_key SET status = 'revoked', revoked_at = now(), revocation_reason = $2 WHERE kid = $1`,
    [kid, reason],
  );
}
const stored = async (kid: string) =>
  (
    await owner.query(
      'SELECT revocation_reason AS reason, revocation_note AS note FROM signing_key WHERE kid = $1',
      [kid],
    )
  )[0];

beforeAll(async () => {
  database = await createTestDatabase('auth');
  await runMigrations(options(migrations.slice(0, migrations.indexOf(RevocationReasons1700000000005))));
  owner = await new DataSource(options([])).initialize();
  await revoke('before', 'left in a taxi');
  await runMigrations(options(migrations));
});
afterAll(async () => {
  await owner?.destroy();
  await database?.drop();
});

describe('the reason of a revocation', () => {
  it('that was stored in free text becomes a note', async () => {
    expect(await stored('before')).toEqual({ reason: 'unspecified', note: 'left in a taxi' });
  });

  it('becomes a note too where the version before stores one', async () => {
    await revoke('meanwhile', 'left in a train');
    expect(await stored('meanwhile')).toEqual({ reason: 'unspecified', note: 'left in a train' });
  });

  it('stays what it is where it is a code', async () => {
    await revoke('after', 'compromised');
    expect(await stored('after')).toEqual({ reason: 'compromised', note: null });
  });

  it('is history from then on', async () => {
    const change = `UPDATE signing_key SET revocation_note = 'found' WHERE kid = 'before'`;
    await expect(owner.query(change)).rejects.toMatchObject({ code: '23514' });
  });
});
