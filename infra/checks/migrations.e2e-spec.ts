import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Column, Entity, PrimaryColumn, type MigrationInterface, type QueryRunner } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '#testing';
import { schemaDifferences } from './migrations.js';

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

describe('schemaDifferences', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase('checks');
  });
  afterEach(() => database.drop());

  it('finds nothing if the migrations make what the entities describe', async () => {
    const classes = { entities: [Stamp], migrations: [WithMotto1700000000001] };
    expect(await schemaDifferences(database.owner, classes)).toEqual([]);
  });

  it('returns the SQL for a column that no migration makes', async () => {
    const classes = { entities: [Stamp], migrations: [WithoutMotto1700000000001] };
    expect(await schemaDifferences(database.owner, classes)).toEqual([
      'ALTER TABLE "stamp" ADD "motto" text NOT NULL',
    ]);
  });
});
