import { describe, expect, it } from '@jest/globals';
import {
  audiences,
  defaultAudience,
  roles,
  SCOPES,
  scopesFor,
  scopesOf,
  type Role,
  type ScopeTable,
} from './scopes.js';

const table: ScopeTable = {
  customer: { orders: ['orders:read', 'orders:write'] },
  admin: { auth: ['keys:manage', 'accounts:manage'], inventory: ['inventory:write'] },
};

describe('scopes', () => {
  it.each<[Role[], string, string[]]>([
    [['customer'], 'orders', ['orders:read', 'orders:write']],
    [['customer'], 'auth', []],
    [['admin'], 'auth', ['keys:manage', 'accounts:manage']],
    [['admin'], 'inventory', ['inventory:write']],
    [['admin'], 'orders', []],
    [['customer', 'admin'], 'orders', ['orders:read', 'orders:write']],
    [['customer', 'admin'], 'auth', ['keys:manage', 'accounts:manage']],
    [[], 'orders', []],
  ])('gives %j at %s %j', (roles, audience, scopes) => {
    expect(scopesFor(table, roles, audience)).toEqual(scopes);
  });

  it.each(['', 'ORDERS', 'orders ', 'nowhere', '__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'gives nothing at %j',
    (audience) => {
      expect(scopesFor(table, ['customer', 'admin'], audience)).toEqual([]);
    },
  );

  it('has the first audience of the role as the default', () => {
    expect(defaultAudience(table, ['customer'])).toBe('orders');
    expect(defaultAudience(table, ['admin'])).toBe('auth');
    expect(defaultAudience(table, ['customer', 'admin'])).toBe('auth');
    expect(defaultAudience({ ...table, customer: {} }, ['customer'])).toBeUndefined();
  });

  it('lists every scope', () => {
    const all = ['orders:read', 'orders:write', 'keys:manage', 'accounts:manage', 'inventory:write'];
    expect(scopesOf(table)).toEqual(all);
  });
});

describe('the table of our services', () => {
  it('gives a customer no scope of an administrator, at any audience', () => {
    const ofAdmin = audiences.flatMap((audience) => scopesFor(SCOPES, ['admin'], audience));
    for (const audience of audiences)
      expect(scopesFor(SCOPES, ['customer'], audience).filter((scope) => ofAdmin.includes(scope))).toEqual(
        [],
      );
  });

  it('has an audience for each role, at which the role has scopes', () => {
    for (const role of roles)
      expect(scopesFor(SCOPES, [role], defaultAudience(SCOPES, [role])!)).not.toEqual([]);
    expect(defaultAudience(SCOPES, ['admin'])).toBe('auth');
  });

  it('names every scope once, and auth manages keys and accounts with its own', () => {
    const each = roles.flatMap((role) =>
      audiences.flatMap((audience) => scopesFor(SCOPES, [role], audience)),
    );
    expect(scopesOf(SCOPES).sort()).toEqual(each.sort());
    expect(new Set(each).size).toBe(each.length);
    expect(each).toEqual(expect.arrayContaining(['accounts:manage', 'keys:manage']));
  });
});
