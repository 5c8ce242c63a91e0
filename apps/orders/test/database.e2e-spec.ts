import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { dataSourceOptions, runMigrations } from '#service-kit';
import { createTestDatabase, migrationFaults, testSettings, type TestDatabase } from '#testing';
import { entities, migrations } from '../src/database/index.js';
import { connect } from './orders-app.js';

describe('the database of orders', () => {
  let database: TestDatabase;
  let runtime: DataSource;
  const id = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
  const insert = (table: string, row: object) => {
    const names = Object.keys(row);
    const places = names.map((_name, index) => `$${index + 1}`);
    return runtime.query(
      `INSERT INTO ${table} (${names.join()}) VALUES (${places.join()})`,
      Object.values(row),
    );
  };
  const order = { user_id: 'u', status: 'placed', currency: 'EUR', total_cents: 2 };
  const line = { order_id: id, position: 0, sku: 'A', name: 'A', quantity: 1, unit_price_cents: 2 };

  beforeAll(async () => {
    database = await createTestDatabase('orders');
    await runMigrations(dataSourceOptions(testSettings(database.owner), { entities, migrations }));
    runtime = await connect(database.runtime);
    await insert('orders', { ...order, id });
    await insert('order_lines', line);
  });
  afterAll(async () => {
    await runtime.destroy();
    await database.drop();
  });

  it('matches the entities, and its migrations can be undone and repeated', async () => {
    expect(await migrationFaults('orders', { entities, migrations })).toEqual([]);
  });

  it.each([
    { status: 'lost' },
    { status: 'cancelled' },
    { cancelled_at: new Date() },
    { currency: 'euro' },
    { total_cents: -1 },
    { total_cents: 5_000_000_000_001 },
  ])('holds no order with %j', async (values) => {
    const row = { ...order, id: '00000000-0000-4000-8000-000000000000', ...values };
    await expect(insert('orders', row)).rejects.toMatchObject({ driverError: { code: '23514' } });
  });

  it.each([
    [{ quantity: 0 }, '23514'],
    [{ quantity: 1001 }, '23514'],
    [{ unit_price_cents: -1 }, '23514'],
    [{ unit_price_cents: 100_000_001 }, '23514'],
    [{ sku: 'A' }, '23505'],
    [{ position: 0 }, '23505'],
    [{ order_id: '00000000-0000-4000-8000-000000000000' }, '23503'],
  ])('holds no line with %j', async (values, code) => {
    const row = { ...line, position: 1, sku: 'B', ...values };
    await expect(insert('order_lines', row)).rejects.toMatchObject({ driverError: { code } });
  });

  it.each([
    'DELETE FROM orders',
    'DELETE FROM order_lines',
    'UPDATE orders SET total_cents = 0',
    `UPDATE orders SET user_id = 'thief'`,
    'UPDATE order_lines SET quantity = 1',
    'TRUNCATE idempotency_keys',
    'DROP TABLE idempotency_keys',
  ])('does not let the service do: %s', async (sql) => {
    await expect(runtime.query(sql)).rejects.toMatchObject({ driverError: { code: '42501' } });
  });
});
