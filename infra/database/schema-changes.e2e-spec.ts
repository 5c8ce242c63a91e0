import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Column,
  Entity,
  PrimaryColumn,
  ViewColumn,
  ViewEntity,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import { createTestDatabase, type TestDatabase } from '#testing';
import { schemaChanges, triedChanges } from './schema-changes.js';

@Entity()
class Stamp {
  @PrimaryColumn('integer')
  id!: number;

  @Column('text')
  motto!: string;
}

class WithMotto1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE stamp (id integer PRIMARY KEY, motto text NOT NULL)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE stamp');
  }
}

class WithoutMotto1700000000001 extends WithMotto1700000000001 {
  override async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE stamp (id integer PRIMARY KEY)');
  }
}

@ViewEntity({ expression: 'SELECT 1 AS one' })
class One {
  @ViewColumn()
  one!: number;
}

/** PostgreSQL stores this default in another form, so TypeORM wants to set it again and again. */
@Entity({ name: 'stamp' })
class StampWithOddDefault {
  @PrimaryColumn('integer')
  id!: number;

  @Column('text', { default: () => "lower('A')||'b'" })
  motto!: string;
}

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase('changes');
});
afterEach(() => database.drop());

describe('schemaChanges', () => {
  it('finds nothing if the migrations make what the entities describe', async () => {
    const classes = { entities: [Stamp], migrations: [WithMotto1700000000001] };
    expect(await schemaChanges(database.owner, classes)).toEqual({ up: [], down: [] });
  });

  it('returns the SQL for a column that no migration makes, and the SQL that takes it back', async () => {
    const classes = { entities: [Stamp], migrations: [WithoutMotto1700000000001] };
    expect(await schemaChanges(database.owner, classes)).toEqual({
      up: ['ALTER TABLE "stamp" ADD "motto" text NOT NULL'],
      down: ['ALTER TABLE "stamp" DROP COLUMN "motto"'],
    });
  });
});

describe('triedChanges', () => {
  it('returns statements that work, and leaves the database as the migrations have made it', async () => {
    const classes = { entities: [Stamp], migrations: [WithoutMotto1700000000001] };
    const changes = await triedChanges(database.owner, classes);
    expect(changes.up).toHaveLength(1);
    expect(await schemaChanges(database.owner, classes)).toEqual(changes);
  });

  it.each([
    ['that never match', StampWithOddDefault, 'After them, TypeORM wants still more: ALTER TABLE "stamp"'],
    ['that need a table of TypeORM', One, 'One of them needs a table of TypeORM: INSERT INTO'],
  ])('refuses statements %s', async (_which, entity, reason) => {
    const classes = { entities: [entity], migrations: [WithoutMotto1700000000001] };
    await expect(triedChanges(database.owner, classes)).rejects.toMatchObject({
      code: 'bad_argument',
      message: expect.stringContaining(reason),
    });
  });
});
