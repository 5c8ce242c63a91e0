import { describe, expect, it } from '@jest/globals';
import { formatted } from '../formatted.js';
import {
  cautions,
  migrationNameFault,
  migrationSource,
  nextMigration,
  registered,
} from './migration-text.js';

const gifts = {
  up: [
    `CREATE TABLE "gifts" ("id" uuid NOT NULL, "note" text NOT NULL DEFAULT 'a, (b', CONSTRAINT "gifts_note" CHECK (length(note) < 9), CONSTRAINT "PK_gifts" PRIMARY KEY ("id", "note"))`,
    'CREATE INDEX "gifts_note" ON "gifts" ("note") ',
    'ALTER TABLE "gifts" ADD CONSTRAINT "form" CHECK (note ~ \'^\\d`${1}$\')',
  ],
  down: ['DROP INDEX "public"."gifts_note"', 'DROP TABLE "gifts"'],
};

describe('the name of a migration', () => {
  const files = ['1-orders.ts', '2-idempotency-keys.ts'];

  it.each(['gifts', 'order-notes-2', 'x'.repeat(60)])('can be %s', (name) => {
    expect(migrationNameFault(name, files)).toBeUndefined();
  });

  it.each([
    ['Gifts', 'cannot be the name of a migration'],
    ['1gifts', 'cannot be the name of a migration'],
    ['gifts/../x', 'cannot be the name of a migration'],
    ['', 'cannot be the name of a migration'],
    ['x'.repeat(61), 'at most 60'],
    ['orders', 'There is a migration of this name: 1-orders.ts'],
  ])('cannot be "%s"', (name, reason) => {
    expect(migrationNameFault(name, files)).toContain(reason);
  });

  it.each([
    [['1-a.ts', '2-b.ts', '10-c.ts'], ['A1700000000001', 'C1700000000011'], '11-gift-cards', 1700000000012],
    [[], [], '1-gift-cards', 1790000000001],
  ])('follows %j', (existing, classNames, file, timestamp) => {
    expect(nextMigration('gift-cards', existing, classNames)).toEqual({
      file,
      className: `GiftCards${timestamp}`,
    });
  });
});

describe('the source of a migration', () => {
  it('has a line for each column, the rights on a new table, and each text as it is in SQL', async () => {
    const source = await formatted('apps/orders/src/x.ts', migrationSource('Gifts1790000000003', gifts));
    expect(source).toBe(`import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Gifts1790000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(\`
      CREATE TABLE "gifts" (
        "id" uuid NOT NULL,
        "note" text NOT NULL DEFAULT 'a, (b',
        CONSTRAINT "gifts_note" CHECK (length(note) < 9),
        CONSTRAINT "PK_gifts" PRIMARY KEY ("id", "note")
      )\`);
    await runner.query(\`CREATE INDEX "gifts_note" ON "gifts" ("note") \`);
    await runner.query(\`ALTER TABLE "gifts" ADD CONSTRAINT "form" CHECK (note ~ '^\\\\d\\\`\\\${1}$')\`);
    // The role of the service has the name of the database. It may read and add rows. It may not change or delete them.
    const [{ runtime }] = (await runner.query(\`SELECT quote_ident(current_database()) AS runtime\`)) as [
      { runtime: string },
    ];
    await runner.query(\`REVOKE UPDATE, DELETE ON "gifts" FROM \${runtime}\`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(\`DROP INDEX "public"."gifts_note"\`);
    await runner.query(\`DROP TABLE "gifts"\`);
  }
}
`);
  });

  it('says nothing of rights if there is no new table', () => {
    const change = {
      up: ['ALTER TABLE "gifts" ADD "x" text'],
      down: ['ALTER TABLE "gifts" DROP COLUMN "x"'],
    };
    expect(migrationSource('X1790000000003', change)).not.toMatch(/REVOKE|runtime/);
  });
});

describe('the list of migrations', () => {
  const names = { file: '3-gifts', className: 'Gifts1790000000003' };

  it('gets an import after the last one, and an entry at the end', async () => {
    const text = `/** Lead. */
import {
  Order,
} from '../orders/order.entity.js';
import { Orders1790000000001 } from './migrations/1-orders.js';

export const entities = [Order];

export const migrations = [Orders1790000000001];
`;
    const path = 'apps/orders/src/database/index.ts';
    expect(await formatted(path, registered({ path, text }, names))).toBe(`/** Lead. */
import { Order } from '../orders/order.entity.js';
import { Orders1790000000001 } from './migrations/1-orders.js';
import { Gifts1790000000003 } from './migrations/3-gifts.js';

export const entities = [Order];

export const migrations = [Orders1790000000001, Gifts1790000000003];
`);
  });
});

describe('cautions', () => {
  const of = (...up: string[]) => cautions({ up, down: [] });

  it('name what deletes data, and what fails on a table with rows', () => {
    const dropped = 'ALTER TABLE "gifts" DROP COLUMN "note"';
    const added = 'ALTER TABLE "gifts" ADD "note" text NOT NULL';
    expect(of(dropped, added)).toEqual([
      `This deletes data: ${dropped}`,
      `This fails if the table has rows. Give the column a default, or allow null first: ${added}`,
    ]);
  });

  it('name the rights on new tables', () => {
    expect(cautions(gifts)).toEqual([expect.stringContaining('may read and add rows of "gifts"')]);
  });

  it.each([
    `ALTER TABLE "gifts" ADD "note" text NOT NULL DEFAULT ''`,
    'ALTER TABLE "gifts" ADD "note" text',
    'ALTER TABLE "gifts" DROP CONSTRAINT "gifts_note"',
    'CREATE INDEX "gifts_note" ON "gifts" ("note")',
  ])('say nothing of %s', (sql) => expect(of(sql)).toEqual([]));
});
