/** Changes entities in a copy of the repository, and generates the migration there. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RepositoryCopy } from '../starter/repository-copy.js';

const index = 'apps/orders/src/database/index.ts';
const migration = 'apps/orders/src/database/migrations/3-gifts.ts';

const entity = `import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('gifts')
export class Gift {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text', { default: 'none' })
  note!: string;
}
`;

let copy: RepositoryCopy;

beforeAll(() => {
  copy = new RepositoryCopy();
  write('apps/orders/src/orders/gift.entity.ts', entity);
});
afterAll(() => copy?.remove());

it('refuses an entity that the list does not have', () => {
  const before = copy.digest();
  const { status, stderr } = generate();
  expect([status, stderr]).toEqual([
    1,
    'apps/orders: Gift is not in the list "entities" of database/index.ts. Add it there first.\n',
  ]);
  expect(copy.digest()).toEqual(before);
});

it('writes a migration, and says what to mind', () => {
  const listed = copy
    .read(index)
    .replace('IdempotencyKeyRecord];', 'IdempotencyKeyRecord, Gift];')
    .replace('import { Order,', "import { Gift } from '../orders/gift.entity.js';\nimport { Order,");
  write(index, listed);
  const { status, stdout } = generate();
  expect(status).toBe(0);
  expect(stdout).toContain(
    `new       ${migration}\nchanged   ${index}\nThe service may read and add rows of "gifts".`,
  );
  expect(copy.read(migration)).toMatch(
    /^export class Gifts1790000000003 .*CREATE TABLE "gifts" \(.*REVOKE UPDATE/ms,
  );
  expect(copy.read(index)).toContain("import { Gifts1790000000003 } from './migrations/3-gifts.js';");
});

it('has then made what the entities describe, in the form of the repository', () => {
  const { status, stdout } = generate('more');
  expect([status, stdout]).toEqual([0, expect.stringContaining('Nothing was written.\n')]);
  const format = copy.run('node_modules/prettier/bin/prettier.cjs', '--check', index, migration);
  expect(format).toMatchObject({ status: 0, stderr: '' });
});

/** As `npm run migration:generate` does: builds first, if a source has changed. */
function generate(name = 'gifts') {
  return copy.run('infra/bootstrap.mjs', 'run', 'dist/infra/database/generate-migration.js', 'orders', name);
}

function write(path: string, text: string): void {
  writeFileSync(join(copy.root, path), text);
}
