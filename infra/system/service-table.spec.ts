import { describe, expect, it } from '@jest/globals';
import { camelName, nameFault, upperName } from './service-names.js';
import { nextOffset, offsetFault, requireServiceTable, tableFaults } from './service-table.js';
import { services, type ServiceRow } from './services.js';

const auth = services[0]!;
const service = (row: Partial<ServiceRow>): ServiceRow => ({
  ...{ name: 'shop', portOffset: 1, trust: 'verifier', calls: [], seed: 'none' },
  ...{ collectsEvents: false, idempotentPosts: [], guardedRoute: null },
  ...row,
});
const agreeing = (rows: readonly ServiceRow[]) => {
  const names = [...new Set(rows.map(({ name }) => name))];
  return { programs: names, audiences: names };
};

describe('the table of services', () => {
  it('is good as it stands', async () => {
    await expect(requireServiceTable()).resolves.toBeUndefined();
    expect(tableFaults(services, agreeing(services))).toEqual([]);
  });

  it.each<[string, ServiceRow[], string]>([
    ['a name that is none', [auth, service({ name: 'Shop' })], '"Shop" cannot be the name of a service'],
    ['a name twice', [auth, service({}), service({ portOffset: 2 })], 'the name shop is there twice'],
    [
      'an offset twice',
      [auth, service({ portOffset: 0 })],
      'shop: the port offset 0 belongs to auth. The next free one is 1',
    ],
    ['the offset of NATS', [auth, service({ portOffset: 11 })], 'shop: the port offset 11 belongs to nats'],
    ['half an offset', [auth, service({ portOffset: 1.5 })], 'Expected: a whole number from 0 to 99'],
    ['a callee that does not exist', [auth, service({ calls: ['stock'] })], 'shop calls stock'],
    ['a call of itself', [auth, service({ calls: ['shop'] })], 'shop calls shop'],
    ['a path without a slash', [auth, service({ idempotentPosts: ['orders'] })], 'must begin with a slash'],
    [
      'a guarded route without a method',
      [auth, service({ guardedRoute: { role: 'admin', route: '/things' } })],
      'must be a method and a path',
    ],
    ['no issuer', [service({})], 'exactly one row must have trust: "issuer"'],
    ['two issuers', [auth, service({ trust: 'issuer' })], 'exactly one row must have trust: "issuer"'],
  ])('refuses %s, with one line', (_what, rows, fault) => {
    expect(tableFaults(rows, agreeing(rows))).toEqual([
      expect.stringMatching(/^infra\/system\/services\.ts: .*\.$/),
    ]);
    expect(tableFaults(rows, agreeing(rows))[0]).toContain(fault);
  });

  it('refuses a row without a program, a row without a scope, and scopes without a row', () => {
    const rows = [auth, service({})];
    expect(tableFaults(rows, { programs: ['auth'], audiences: ['auth', 'shpo'] })).toEqual([
      'apps/shop/src/main.ts is missing. Write it, or remove the row shop from infra/system/services.ts.',
      'No role and no service gets a scope for shop. Add one in apps/auth/src/accounts/scopes.ts.',
      expect.stringContaining('gives scopes for shpo, and there is no such service. Remove them'),
    ]);
  });

  it('names every fault at once', () => {
    const rows = [auth, service({ name: 'nats' }), service({ portOffset: 10 })];
    expect(tableFaults(rows, { programs: [], audiences: [] })).toHaveLength(7);
  });
});

describe('the next port offset', () => {
  it('comes after the last service, and is not that of PostgreSQL or NATS', () => {
    expect(nextOffset([auth, service({ portOffset: 5 })])).toBe(6);
    expect(nextOffset([auth, service({ portOffset: 9 })])).toBe(12);
    expect(offsetFault(nextOffset(services), services)).toBeUndefined();
  });
});

describe('the name of a service', () => {
  it.each(['a', 'billing', 'gift-cards', 'a1-2-b', 'x'.repeat(40)])('can be %s', (name) => {
    expect(nameFault(name)).toBeUndefined();
  });

  it.each(['', 'Billing', '1a', '-a', 'a-', 'a--b', 'a_b', 'a b', '../a', 'a\n', 'é', '__proto__'])(
    'cannot be %j',
    (name) => {
      expect(nameFault(name)).toMatch(/cannot be the name of a service\. Expected: /);
    },
  );

  it.each([
    'public',
    'postgres',
    'localhost',
    'nats',
    'trust',
    'web',
    'database',
    'orders-owner',
    'migrate-orders',
  ])('is not free: %s', (name) => {
    expect(nameFault(name)).toMatch(/ is reserved: .* Choose another name$/);
  });

  it('has 40 characters at most', () => {
    expect(nameFault('x'.repeat(41))).toContain('41 characters. Expected: at most 40');
  });

  it('has no dashes in variables and in code', () => {
    expect([upperName('gift-cards-2'), camelName('gift-cards-2')]).toEqual(['GIFT_CARDS_2', 'giftCards2']);
  });
});
