import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { dataSourceOptions, runMigrations } from '#service-kit';
import { createTestDatabase, migrationFaults, testSettings, type TestDatabase } from '#testing';
import { entities, migrations } from '../src/database/index.js';
import { connect } from './inventory-app.js';

describe('the database of inventory', () => {
  let database: TestDatabase;
  let runtime: DataSource;
  const insert = (values: object) => {
    const row = { sku: 'A', name: 'A', price_cents: 1, currency: 'EUR', stock: 1, ...values };
    const names = Object.keys(row);
    const places = names.map((_name, index) => `$${index + 1}`);
    return runtime.query(
      `INSERT INTO products (${names.join()}) VALUES (${places.join()})`,
      Object.values(row),
    );
  };

  beforeAll(async () => {
    database = await createTestDatabase('inventory');
    await runMigrations(dataSourceOptions(testSettings(database.owner), { entities, migrations }));
    runtime = await connect(database.runtime);
    await insert({ sku: 'KEPT' });
  });
  afterAll(async () => {
    await runtime.destroy();
    await database.drop();
  });

  it('matches the entities, and its migrations can be undone and repeated', async () => {
    expect(await migrationFaults('inventory', { entities, migrations })).toEqual([]);
  });

  it.each([
    { sku: 'lower' },
    { sku: '' },
    { sku: 'A'.repeat(65) },
    { name: '' },
    { price_cents: -1 },
    { price_cents: 100_000_001 },
    { currency: 'euro' },
    { stock: -1 },
    { stock: 1_000_001 },
  ])('holds no product with %j', async (values) => {
    await expect(insert(values)).rejects.toMatchObject({ driverError: { code: '23514' } });
  });

  it.each([
    'DELETE FROM products',
    `UPDATE products SET price_cents = 0`,
    `UPDATE products SET sku = 'STOLEN'`,
    'TRUNCATE products',
    'DROP TABLE products',
    `UPDATE reservations SET user_id = 'thief'`,
    'DELETE FROM reservations',
    'UPDATE reservation_lines SET quantity = 1',
    'DELETE FROM reservation_lines',
  ])('does not let the service do: %s', async (sql) => {
    await expect(runtime.query(sql)).rejects.toMatchObject({ driverError: { code: '42501' } });
  });
});
