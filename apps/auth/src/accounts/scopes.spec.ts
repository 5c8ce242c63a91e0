import { describe, expect, it } from '@jest/globals';
import { allScopes, audiences, defaultAudience, roles, scopesFor, type Role } from './scopes.js';

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
    expect(scopesFor(roles, audience)).toEqual(scopes);
  });

  it('gives a customer no scope of an administrator, at any audience', () => {
    const ofAdmin = audiences.flatMap((audience) => scopesFor(['admin'], audience));
    for (const audience of audiences)
      expect(scopesFor(['customer'], audience).filter((scope) => ofAdmin.includes(scope))).toEqual([]);
    expect(scopesFor(['customer'], 'inventory')).not.toContain('inventory:write');
  });

  it.each(['', 'ORDERS', 'orders ', 'nowhere', '__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'gives nothing at %j',
    (audience) => {
      expect(scopesFor(['customer', 'admin'], audience)).toEqual([]);
    },
  );

  it('has a default audience for each role, at which the role has scopes', () => {
    expect(defaultAudience(['customer'])).toBe('orders');
    expect(defaultAudience(['admin'])).toBe('auth');
    expect(defaultAudience(['customer', 'admin'])).toBe('auth');
    for (const role of ['customer', 'admin'] as const) {
      expect(scopesFor([role], defaultAudience([role]))).not.toEqual([]);
    }
  });

  it('names every scope once', () => {
    const each = roles.flatMap((role) => audiences.flatMap((audience) => scopesFor([role], audience)));
    expect([...allScopes].sort()).toEqual(each.sort());
    expect(new Set(allScopes).size).toBe(allScopes.length);
    const known = ['accounts:manage', 'inventory:write', 'keys:manage', 'orders:read', 'orders:write'];
    expect(allScopes).toEqual(expect.arrayContaining(known));
  });
});
