import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { eventually, type Answer } from '#testing';
import { connect, lamp, startOrders, type OrdersApp } from './orders-app.js';

const body = { lines: [{ sku: 'LAMP', quantity: 2 }] };

describe('Idempotency-Key', () => {
  let app: OrdersApp;
  let owner: DataSource;
  let users = 0;
  /** Each test is a user of its own. */
  let user: string;

  const place = (key: string, sent: unknown = body, sub = user): Promise<Answer> => {
    const headers = { 'idempotency-key': key };
    return app.send('POST', '/orders', { token: app.token({ sub }), body: sent, headers });
  };
  const ordersOf = async (sub = user): Promise<{ id: string }[]> =>
    (await app.send('GET', '/orders?limit=100', { token: app.token({ sub }) })).body.items;
  const age = (milliseconds: number) =>
    owner.query(`UPDATE idempotency_keys SET claimed_at = claimed_at - $1 * interval '1 ms'`, [milliseconds]);

  /** Lets the next question to inventory wait until it is opened; later ones are answered at once. */
  function gate() {
    const { inventory } = app;
    let open!: () => void;
    const arrived = new Promise<void>((resolve) => {
      inventory.behave = (sku, response) => {
        inventory.behave = inventory.sell;
        open = () => inventory.sell(sku, response);
        resolve();
      };
    });
    return { arrived, open: () => open() };
  }

  beforeAll(async () => {
    app = await startOrders();
    owner = await connect(app.owner);
  });
  afterEach(() => app.inventory.reset());
  afterAll(async () => {
    await owner.destroy();
    await app.close();
  });
  const newUser = () => (user = `user-${(users += 1)}`);

  it('of 20 equal requests at once, and of those that follow, there is one order and one answer', async () => {
    newUser();
    const answers = await Promise.all(Array.from({ length: 20 }, () => place('k')));
    const placed = answers.filter(({ status }) => status === 201);
    const refused = answers.filter(({ status }) => status !== 201);
    expect(placed.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(answer).toMatchObject({ status: 409, body: { code: 'idempotency_key_in_flight' } });
      expect(answer.headers.get('retry-after')).toBe('1');
    }
    const after = await Promise.all(Array.from({ length: 20 }, () => place('k')));
    expect(after.map(({ status }) => status)).toEqual(Array<number>(20).fill(201));
    expect(new Set([...placed, ...after].map((answer) => JSON.stringify(answer.body))).size).toBe(1);
    expect(await ordersOf()).toEqual([placed[0]!.body]);
    expect(app.inventory.asked).toEqual(['LAMP']);
  });

  it('repeats the answer to the byte, even when order and price have changed', async () => {
    newUser();
    const first = await place('k');
    await app.send('POST', `/orders/${first.body.id}/cancel`, { token: app.token({ sub: user }) });
    app.inventory.behave = (_sku, response) => response.end(JSON.stringify({ ...lamp, priceCents: 1 }));
    const again = await place('k');
    expect(again.status).toBe(201);
    expect(JSON.stringify(again.body)).toBe(JSON.stringify(first.body));
    expect(await ordersOf()).toMatchObject([{ id: first.body.id, status: 'cancelled' }]);
  });

  it('compares what the request says, not how it is written', async () => {
    newUser();
    const first = await place('k');
    const again = await place('k', '{ "lines" : [ { "quantity": 2, "sku": "LAMP" } ] }');
    expect(again).toMatchObject({ status: 201, body: { id: first.body.id } });
  });

  it.each([
    { lines: [{ sku: 'LAMP', quantity: 3 }] },
    { lines: [{ sku: 'CHAIR', quantity: 2 }] },
    {
      lines: [
        { sku: 'LAMP', quantity: 2 },
        { sku: 'CHAIR', quantity: 1 },
      ],
    },
  ])('422 for another request: %j', async (other) => {
    newUser();
    await place('k');
    expect(await place('k', other)).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    expect(await ordersOf()).toHaveLength(1);
  });

  it('409 while the first request is being handled, 422 for another one then', async () => {
    newUser();
    const { arrived, open } = gate();
    const first = place('k');
    await arrived;
    expect(await place('k')).toMatchObject({ status: 409, body: { code: 'idempotency_key_in_flight' } });
    expect(await place('k', { lines: [{ sku: 'CHAIR', quantity: 1 }] })).toMatchObject({ status: 422 });
    open();
    expect(await first).toMatchObject({ status: 201 });
    expect(await place('k')).toMatchObject({ status: 201, body: (await first).body });
  });

  it('is of one user: the same key of another is another key', async () => {
    newUser();
    const [mine, theirs] = [await place('k'), await place('k', body, 'somebody-else')];
    expect(theirs.status).toBe(201);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });

  it.each([
    ['503', () => (app.inventory.behave = (_sku, response) => response.writeHead(500).end())],
    [
      '422',
      () =>
        (app.inventory.behave = (_sku, response) =>
          response.writeHead(404).end('{"code":"product_not_found"}')),
    ],
  ])('is given back by a request that fails with %s', async (status, fail) => {
    newUser();
    fail();
    expect(await place('k')).toMatchObject({ status: Number(status) });
    app.inventory.reset();
    expect(await place('k', { lines: [{ sku: 'CHAIR', quantity: 1 }] })).toMatchObject({ status: 201 });
    expect(await ordersOf()).toHaveLength(1);
  });

  it('is given back when the answer cannot be kept, and so is the order', async () => {
    newUser();
    await owner.query('ALTER TABLE idempotency_keys ADD CONSTRAINT none CHECK (answer IS NULL) NOT VALID');
    expect(await place('k')).toMatchObject({ status: 500, body: { code: 'internal_error' } });
    await owner.query('ALTER TABLE idempotency_keys DROP CONSTRAINT none');
    expect(await ordersOf()).toEqual([]);
    expect(await place('k')).toMatchObject({ status: 201 });
  });

  it('is given back when the order fails at the very end, at the commit', async () => {
    newUser();
    await owner.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'`);
    await owner.query(
      `CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
       FOR EACH ROW EXECUTE FUNCTION fail()`,
    );
    expect(await place('k')).toMatchObject({ status: 500 });
    await owner.query('DROP FUNCTION fail CASCADE');
    const { status, body: order } = await place('k');
    expect(status).toBe(201);
    expect(await ordersOf()).toEqual([order]);
  });

  it('outlives a process that died with it, but not for long', async () => {
    newUser();
    await owner.query(
      `INSERT INTO idempotency_keys (user_id, key, request_hash, claim) VALUES ($1, 'k', 'x', gen_random_uuid())`,
      [user],
    );
    expect(await place('k')).toMatchObject({ status: 422 });
    await age(29_000);
    expect(await place('k')).toMatchObject({ status: 422 });
    await age(1_001);
    expect(await place('k')).toMatchObject({ status: 201 });
    expect(await place('k')).toMatchObject({ status: 201 });
    expect(await ordersOf()).toHaveLength(1);
  });

  it('is lost by a request that was taken for dead: it fails, and there is one order', async () => {
    newUser();
    const { arrived, open } = gate();
    const slow = place('k');
    await arrived;
    await age(30_001);
    const second = await place('k');
    expect(second).toMatchObject({ status: 201 });
    open();
    expect(await slow).toMatchObject({ status: 409, body: { code: 'idempotency_key_in_flight' } });
    expect(await ordersOf()).toEqual([second.body]);
    expect(await place('k')).toMatchObject({ status: 201, body: second.body });
  });

  it('of 20 that find an abandoned claim at once, one takes it over', async () => {
    newUser();
    await owner.query(
      `INSERT INTO idempotency_keys (user_id, key, request_hash, claim, claimed_at)
       VALUES ($1, 'k', 'x', gen_random_uuid(), now() - interval '1 hour')`,
      [user],
    );
    const answers = await Promise.all(Array.from({ length: 20 }, () => place('k')));
    expect(answers.filter(({ status }) => ![201, 409].includes(status))).toEqual([]);
    expect(await ordersOf()).toHaveLength(1);
  });

  it('is kept for 24 hours, and then removed', async () => {
    newUser();
    const first = await place('k');
    await age(24 * 3600_000 - 60_000);
    expect((await place('k')).body.id).toBe(first.body.id);
    await age(60_001);
    await place('another');
    const keys = await owner.query(`SELECT key FROM idempotency_keys WHERE user_id = $1`, [user]);
    expect(keys).toEqual([{ key: 'another' }]);
    expect((await place('k')).body.id).not.toBe(first.body.id);
  });

  it('without one, equal requests are orders of their own', async () => {
    newUser();
    const token = app.token({ sub: user });
    const answers = await Promise.all([1, 2].map(() => app.send('POST', '/orders', { token, body })));
    expect(answers).toMatchObject([{ status: 201 }, { status: 201 }]);
    expect(await ordersOf()).toHaveLength(2);
  });

  it.each(['', 'x'.repeat(256), 'cl\u00e9'])('400 for the key "%s"', async (key) => {
    newUser();
    const answer = await place(key);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: 'Idempotency-Key' }] } });
  });

  it('may look like SQL', async () => {
    newUser();
    const key = `'; DROP TABLE idempotency_keys; --`;
    const first = await place(key);
    expect(await place(key)).toMatchObject({ status: 201, body: first.body });
  });

  it('leaves no claim behind', async () => {
    await eventually(async () => {
      const open = await owner.query('SELECT count(*)::int AS n FROM idempotency_keys WHERE answer IS NULL');
      expect(open).toEqual([{ n: 0 }]);
    });
  });
});
