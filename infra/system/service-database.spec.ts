import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, type PostgresLogin, sharedPostgres, type TestDatabase } from '#testing';
import { provisionDatabase } from './service-database.js';

describe('the databases and their roles', () => {
  let auth: TestDatabase;
  let orders: TestDatabase;

  beforeAll(async () => {
    [auth, orders] = await Promise.all([createTestDatabase('auth'), createTestDatabase('orders')]);
    await query(orders.owner, 'CREATE TABLE lines (id int GENERATED ALWAYS AS IDENTITY, sku text)');
  });
  afterAll(() => Promise.all([auth.drop(), orders.drop()]));

  it('the owner makes tables, and the runtime role reads and writes rows', async () => {
    await query(orders.runtime, `INSERT INTO lines (sku) VALUES ('a')`);
    await query(orders.runtime, `UPDATE lines SET sku = 'b'`);
    expect(await query(orders.runtime, 'SELECT sku FROM lines')).toEqual([{ sku: 'b' }]);
    await query(orders.runtime, 'DELETE FROM lines');
  });

  it.each([
    'CREATE TABLE mine (id int)',
    'DROP TABLE lines',
    'ALTER TABLE lines ADD x int',
    'TRUNCATE lines',
  ])('the runtime role cannot run %s', async (ddl) => {
    await expect(query(orders.runtime, ddl)).rejects.toMatchObject({ code: '42501' });
  });

  it('the roles of a service connect to its own database only, and cannot manage roles', async () => {
    for (const role of [orders.runtime, orders.owner]) {
      for (const database of [auth.runtime.database, 'postgres', 'template1']) {
        await expect(query({ ...role, database }, 'SELECT 1')).rejects.toMatchObject({ code: '42501' });
      }
      const [self] = await query(
        role,
        'SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user',
      );
      expect(self).toEqual({ rolsuper: false, rolcreaterole: false });
    }
  });

  it('a wrong password is refused', async () => {
    await expect(query({ ...orders.runtime, password: 'x' }, 'SELECT 1')).rejects.toMatchObject({
      code: '28P01',
    });
  });

  it('several databases can be made at the same time', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => createTestDatabase('crowd')));
    await Promise.all(made.map((database) => database.drop()));
  });

  it('a second run keeps the rows and sets a changed password', async () => {
    await query(orders.owner, `INSERT INTO lines (sku) VALUES ('kept')`);
    const { database } = orders.owner;
    const owner = { name: orders.owner.user, password: orders.owner.password };
    const runtime = { name: orders.runtime.user, password: 'changed' };
    await provisionDatabase(sharedPostgres(), { database, owner, runtime });
    expect(await query({ ...orders.runtime, password: 'changed' }, 'SELECT sku FROM lines')).toEqual([
      { sku: 'kept' },
    ]);
  });
});

async function query(login: PostgresLogin, sql: string): Promise<unknown[]> {
  const client = new pg.Client(login);
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}
