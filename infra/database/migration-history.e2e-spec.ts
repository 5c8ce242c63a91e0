import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { runMigrations } from '#service-kit/base';
import { createTestDatabase, type TestDatabase } from '#testing';
import { optionsFor } from './app-database.js';
import { migrationStates, revertMigration, runtimeConnections } from './migration-history.js';

class Shelves1700000000001 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query('CREATE TABLE shelf (id integer PRIMARY KEY)');
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE shelf');
  }
}

class OneWay1700000000002 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE shelf ADD label text');
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE shelf DROP label');
    throw new Error('the labels are lost');
  }
}

let database: TestDatabase;
const classes = (...migrations: (new () => MigrationInterface)[]) => ({ entities: [], migrations });
const migrate = (...migrations: (new () => MigrationInterface)[]) =>
  runMigrations(optionsFor(database.owner, classes(...migrations)));
const statesFor = async (...migrations: (new () => MigrationInterface)[]) =>
  (await migrationStates(database.owner, classes(...migrations))).map(({ name, state }) => [state, name]);

async function sql(text: string, login = database.owner): Promise<unknown[]> {
  const connection = await new DataSource(optionsFor(login, classes())).initialize();
  try {
    return await connection.query<unknown[]>(text);
  } finally {
    await connection.destroy();
  }
}

beforeEach(async () => {
  database = await createTestDatabase('history');
});
afterEach(() => database.drop());

describe('migrationStates', () => {
  it('lists everything as pending in an empty database, and makes nothing there', async () => {
    expect(await statesFor(Shelves1700000000001)).toEqual([['pending', 'Shelves1700000000001']]);
    expect(await sql(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)).toEqual([]);
  });

  it('lists what is applied, what only the database knows, and what is pending', async () => {
    await migrate(Shelves1700000000001);
    class Later1700000000003 extends OneWay1700000000002 {}
    await migrate(Shelves1700000000001, OneWay1700000000002);
    expect(await statesFor(Shelves1700000000001, Later1700000000003)).toEqual([
      ['applied', 'Shelves1700000000001'],
      ['unknown', 'OneWay1700000000002'],
      ['pending', 'Later1700000000003'],
    ]);
  });

  it('says when each was applied', async () => {
    const before = Date.now();
    await migrate(Shelves1700000000001);
    const [state] = await migrationStates(database.owner, classes(Shelves1700000000001));
    expect(state!.appliedAt!.getTime()).toBeGreaterThan(before - 5_000);
    expect(state!.appliedAt!.getTime()).toBeLessThan(Date.now() + 5_000);
  });

  it('has no time for what an older version applied, and has one for the next', async () => {
    await migrate(Shelves1700000000001);
    await sql('ALTER TABLE migrations DROP applied_at');
    const [old] = await migrationStates(database.owner, classes(Shelves1700000000001));
    expect(old).toEqual({ name: 'Shelves1700000000001', state: 'applied', appliedAt: undefined });
    await migrate(Shelves1700000000001, OneWay1700000000002);
    const states = await migrationStates(database.owner, classes(Shelves1700000000001, OneWay1700000000002));
    expect(states.map(({ appliedAt }) => appliedAt?.constructor)).toEqual([undefined, Date]);
  });
});

it('the service cannot write what migrations were applied', async () => {
  await migrate(Shelves1700000000001);
  await expect(sql('DELETE FROM migrations', database.runtime)).rejects.toThrow(/permission denied/);
  const use = `SELECT nextval('migrations_id_seq')`;
  await expect(sql(use, database.runtime)).rejects.toThrow(/permission denied/);
});

describe('revertMigration', () => {
  it('takes the last one back', async () => {
    await migrate(Shelves1700000000001);
    await revertMigration(database.owner, classes(Shelves1700000000001), 'Shelves1700000000001');
    expect(await statesFor(Shelves1700000000001)).toEqual([['pending', 'Shelves1700000000001']]);
    expect(await sql(`SELECT to_regclass('shelf') AS shelf`)).toEqual([{ shelf: null }]);
  });

  it('changes nothing if it fails', async () => {
    const both = [Shelves1700000000001, OneWay1700000000002];
    await migrate(...both);
    await expect(
      revertMigration(database.owner, classes(...both), 'OneWay1700000000002'),
    ).rejects.toMatchObject({
      code: 'bad_argument',
      message: 'OneWay1700000000002 cannot be taken back: the labels are lost. Nothing has changed.',
    });
    expect(await sql('SELECT label FROM shelf')).toEqual([]);
    expect(await statesFor(...both)).toEqual(both.map(({ name }) => ['applied', name]));
  });

  it('takes no other back than the one that was asked about', async () => {
    const both = [Shelves1700000000001, OneWay1700000000002];
    await migrate(...both);
    const revert = revertMigration(database.owner, classes(...both), 'Shelves1700000000001');
    await expect(revert).rejects.toThrow('Another program has just changed the migrations');
    expect(await statesFor(...both)).toEqual(both.map(({ name }) => ['applied', name]));
  });
});

it('runtimeConnections counts those of the service, and not its own', async () => {
  expect(await runtimeConnections(database.owner)).toBe(0);
  const service = await new DataSource(optionsFor(database.runtime, classes())).initialize();
  expect(await runtimeConnections(database.owner)).toBe(1);
  await service.destroy();
});
