import { describe, expect, it } from '@jest/globals';
import { planRestarts, sourcesOfPrograms } from './restart-plan.js';

const services = ['orders', 'inventory'];
const kit = 'libs/service-kit/src/index.ts';
const imports = {
  'apps/orders/src/main.ts': ['apps/orders/src/main.ts', 'apps/orders/src/routes.ts', kit],
  'apps/orders/src/migrate.ts': ['apps/orders/src/migrate.ts', 'apps/orders/src/migrations.ts', kit],
  'apps/inventory/src/main.ts': ['apps/inventory/src/main.ts', kit],
  'apps/inventory/src/migrate.ts': ['apps/inventory/src/migrate.ts', kit],
  'apps/inventory/src/seed.ts': ['apps/inventory/src/seed.ts', kit],
};
const compiled = (changed: string[], faulty: string[] = []) => ({ changed, faulty, imports });
const restarted = (now: ReturnType<typeof compiled>, before = {}) =>
  planRestarts(services, now, before).restart.map(({ service, prepare }) => [service, prepare]);

describe('which services restart', () => {
  it.each([
    ['a source of one service', ['apps/orders/src/routes.ts'], [['orders', false]]],
    ['a migration', ['apps/orders/src/migrations.ts'], [['orders', true]]],
    ['first data', ['apps/inventory/src/seed.ts'], [['inventory', true]]],
    [
      'a library: its migrations have not changed',
      [kit],
      [
        ['orders', false],
        ['inventory', false],
      ],
    ],
    ['a source that no service imports', ['bench/run.ts'], []],
    ['nothing', [], []],
  ])('%s', (_, changed, expected) => {
    expect(restarted(compiled(changed))).toEqual(expected);
  });

  it('names the changed sources that the service imports', () => {
    const plan = planRestarts(services, compiled([kit, 'apps/orders/src/routes.ts', 'bench/run.ts']), {});
    expect(plan.restart.map(({ because }) => because)).toEqual([[kit, 'apps/orders/src/routes.ts'], [kit]]);
  });

  it('a service waits while a source that it imports has an error, and then restarts for all its changes', () => {
    const broken = planRestarts(services, compiled([kit], ['apps/orders/src/routes.ts']), {});
    expect(broken.restart.map(({ service }) => service)).toEqual(['inventory']);
    expect(broken.blocked).toEqual([{ service: 'orders', by: ['apps/orders/src/routes.ts'] }]);
    const worse = planRestarts(
      services,
      compiled(['apps/orders/src/migrations.ts'], ['apps/orders/src/routes.ts']),
      broken.waiting,
    );
    expect(worse.restart).toEqual([]);
    const mended = planRestarts(services, compiled(['apps/orders/src/routes.ts']), worse.waiting);
    const because = [kit, 'apps/orders/src/migrations.ts', 'apps/orders/src/routes.ts'];
    expect(mended).toMatchObject({
      restart: [{ service: 'orders', because, prepare: true }],
      blocked: [],
      waiting: {},
    });
  });

  it('an error that no service imports holds none up; an error of the configuration holds up all', () => {
    expect(restarted(compiled([kit], ['bench/run.ts']))).toHaveLength(2);
    expect(restarted(compiled([kit], ['tsconfig.build.json']))).toEqual([]);
  });

  it('the programs of a service are main, migrate and seed', () => {
    expect(sourcesOfPrograms(['orders'])).toEqual([
      'apps/orders/src/main.ts',
      'apps/orders/src/migrate.ts',
      'apps/orders/src/seed.ts',
    ]);
  });
});
