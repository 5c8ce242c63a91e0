/** What is remembered of verifiers in the database: bounded, and good through a step of its clock. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MAX_REMEMBERED, OTHERS, VerifierPinsService } from '../src/verifiers/verifier-pins.service.js';
import { loadVerifiers, saveVerifiers } from '../src/verifiers/verifier-rows.js';
import { startAuth, type AuthFixture } from './auth-fixture.js';

const LIFE_SECONDS = 900;
const [old, next] = ['old', 'next'];

let auth: AuthFixture;
let pins: VerifierPinsService;

beforeAll(async () => {
  auth = await startAuth();
  // Its own rounds would take part.
  await auth.first.close();
});
afterAll(() => auth?.close());
beforeEach(async () => {
  await auth.owner.query('TRUNCATE verifier_pins, verifier');
  pins = new VerifierPinsService(auth.owner, LIFE_SECONDS);
});

const heard = (instance: string, ...names: string[]) => ({ service: 'orders', instance, pins: names });
const names = async () => (await pins.list()).map(({ instance }) => instance);
const shift = (table: string, seconds: number) =>
  auth.owner.query(`UPDATE ${table} SET seen_at = seen_at + make_interval(secs => $1)`, [seconds]);

describe('pins', () => {
  it('are remembered for the life of a statement, as they were told last', async () => {
    pins.hear(heard('one', old));
    pins.hear(heard('two', old));
    await pins.save();
    await shift('verifier_pins', 1 - LIFE_SECONDS);
    pins.hear(heard('one', old, next));
    await pins.save();
    expect(await pins.list()).toMatchObject([{ pins: [old, next] }, { instance: 'two', pins: [old] }]);
    await shift('verifier_pins', -2);
    expect(await names()).toEqual(['one']);
  });

  it('of an instance that says goodbye are forgotten, those of an unknown one leave no row', async () => {
    pins.hear(heard('one', old));
    pins.hear(heard('two', old));
    await pins.save();
    pins.leave({ service: 'orders', instance: 'one' });
    pins.leave({ service: 'orders', instance: 'nobody' });
    await pins.save();
    expect(await names()).toEqual(['two']);
  });

  it('and a goodbye wait for a database that is away', async () => {
    pins.hear(heard('one', old));
    await pins.save();
    const away = new VerifierPinsService(auth.first.dataSource, LIFE_SECONDS);
    away.leave({ service: 'orders', instance: 'one' });
    away.hear(heard('two', old));
    // Its connections are closed.
    await expect(away.save()).rejects.toThrow();
    Object.assign(away, { dataSource: auth.owner });
    await away.save();
    expect(await names()).toEqual(['two']);
  });

  it('of an instance that is dropped come back when it is heard again', async () => {
    pins.hear(heard('one', old));
    await pins.save();
    expect(await pins.drop({ service: 'orders', instance: 'one' })).toBe(true);
    expect(await pins.drop({ service: 'orders', instance: 'one' })).toBe(false);
    expect(await names()).toEqual([]);
    pins.hear(heard('one', old));
    await pins.save();
    expect(await names()).toEqual(['one']);
  });

  it('are told again after the clock of the database was set back', async () => {
    pins.hear(heard('one', old));
    await pins.save();
    await shift('verifier_pins', 3_600);
    pins.hear(heard('one', old, next));
    await pins.save();
    const [told] = await pins.list();
    expect(told).toMatchObject({ pins: [old, next] });
    expect(told!.age).toBeGreaterThanOrEqual(0);
  });
});

describe('a flood of names', () => {
  it('leaves a bounded number of rows; those beyond are one that pins nothing, and others have their room', async () => {
    pins.hear(heard('real', old));
    await pins.save();
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < MAX_REMEMBERED; i += 1) pins.hear(heard(`fake-${round}-${i}`, old, next));
      pins.hear({ ...heard('real', old, next), service: 'inventory' });
      await pins.save();
    }
    const rows = await pins.list();
    expect(rows.filter(({ service }) => service === 'orders')).toHaveLength(MAX_REMEMBERED + 1);
    expect(rows.filter(({ pins: named }) => !named.includes(next))).toMatchObject([
      { service: 'orders', instance: OTHERS, pins: [] },
      { service: 'orders', instance: 'real' },
    ]);
    expect(rows.filter(({ service }) => service === 'inventory')).toHaveLength(1);
  });

  it('between two savings is bounded in memory, and what did not fit is waited for', async () => {
    for (let i = 0; i < 3 * MAX_REMEMBERED; i += 1) pins.hear(heard(`fake-${i}`, old, next));
    const { unsaved } = pins as unknown as { unsaved: Map<string, Map<string, unknown>> };
    expect(unsaved.get('orders')!.size).toBe(MAX_REMEMBERED + 1);
    await pins.save();
    expect(await names()).toContain(OTHERS);
  });

  it('of goodbyes leaves nothing', async () => {
    for (let i = 0; i < 3 * MAX_REMEMBERED; i += 1) pins.leave({ service: 'orders', instance: `fake-${i}` });
    const { unsaved } = pins as unknown as { unsaved: Map<string, Map<string, unknown>> };
    expect(unsaved.get('orders')!.size).toBe(MAX_REMEMBERED);
    await pins.save();
    expect(await names()).toEqual([]);
  });
});

describe('counted verifiers', () => {
  const verifier = (instance: string, epoch: number) => ({
    ...{ service: 'orders', instance, epoch, kids: ['k'], pins: [old], at: Date.now() },
    ...{ clockSkewMs: 0, seenAt: performance.now() },
  });
  const save = (...rows: ReturnType<typeof verifier>[]) =>
    saveVerifiers(auth.owner, { heard: rows, left: [] }, 25);
  const load = () => loadVerifiers(auth.owner, 25);

  it('are loaded as of the time that they were heard, and not once they have said goodbye', async () => {
    await save(verifier('one', 3), verifier('two', 3));
    await shift('verifier', -5);
    const loaded = await load();
    expect(loaded).toMatchObject([{ instance: 'one', epoch: 3, kids: ['k'], pins: [old] }, {}]);
    expect(performance.now() - loaded[0]!.seenAt).toBeGreaterThanOrEqual(5_000);
    await saveVerifiers(auth.owner, { heard: [], left: [{ service: 'orders', instance: 'one' }] }, 25);
    expect(await load()).toMatchObject([{ instance: 'two' }]);
  });

  it('are not hidden by what was written before the clock of the database was set back', async () => {
    await save(verifier('one', 3), verifier('vanished', 3));
    await shift('verifier', 3_600);
    expect(await load()).toEqual([]);
    await save(verifier('one', 4));
    expect(await load()).toMatchObject([{ instance: 'one', epoch: 4 }]);
  });
});
