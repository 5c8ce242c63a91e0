import { describe, expect, it } from '@jest/globals';
import {
  grantedScope,
  permissions,
  targetOf,
  type Permission,
  type ScopeRequest,
} from './exchange-policy.js';

const rows: readonly Permission[] = [
  { caller: 'a', callee: 'b', needs: 'orders:read', grants: ['inventory:reserve'] },
  { caller: 'a', callee: 'b', needs: 'orders:write', grants: ['inventory:reserve', 'inventory:write'] },
  { caller: 'a', callee: 'c', needs: 'orders:read', grants: ['inventory:write'] },
  { caller: 'b', callee: 'c', needs: null, grants: ['inventory:write'] },
];
const judged = (request: Omit<ScopeRequest, 'asked'> & { asked?: string }): string => {
  try {
    return grantedScope(rows, { asked: undefined, ...request });
  } catch (error) {
    return (error as { code: string }).code;
  }
};
const [r, w] = ['inventory:reserve', 'inventory:write'];

describe('the scopes of a token for another service', () => {
  it.each<[string, string, string[] | undefined, string | undefined, string]>([
    ['a', 'b', ['orders:read'], undefined, r],
    ['a', 'b', ['orders:write'], undefined, `${r} ${w}`],
    ['a', 'b', ['orders:read', 'orders:write'], undefined, `${r} ${w}`],
    ['a', 'b', ['orders:write'], w, w],
    ['a', 'b', ['orders:write'], `${w} ${w}`, w],
    ['a', 'b', ['orders:read'], w, 'invalid_scope'],
    ['a', 'b', ['orders:read'], `${r} ${w}`, 'invalid_scope'],
    ['a', 'b', [], undefined, 'invalid_scope'],
    ['a', 'b', [], r, 'invalid_scope'],
    ['a', 'b', [r], undefined, 'invalid_scope'],
    ['a', 'b', undefined, undefined, 'unauthorized_client'],
    ['b', 'c', undefined, undefined, w],
    ['b', 'c', undefined, r, 'invalid_scope'],
    ['b', 'c', ['orders:read'], undefined, 'unauthorized_client'],
    ['b', 'a', undefined, undefined, 'invalid_target'],
    ['b', 'a', ['orders:read'], undefined, 'invalid_target'],
    ['a', 'a', ['orders:read'], undefined, 'invalid_target'],
    ['a', 'B', ['orders:read'], undefined, 'invalid_target'],
  ])('%s calls %s with %j and asks for %j: %s', (caller, callee, held, asked, expected) => {
    expect(judged({ caller, callee, held, ...(asked !== undefined && { asked }) })).toBe(expected);
  });
});

describe('the table', () => {
  it('grants scopes of the callee for a scope of the caller', () => {
    for (const { caller, callee, needs, grants } of permissions) {
      expect(grants.filter((scope) => !scope.startsWith(`${callee}:`))).toEqual([]);
      if (needs !== null) expect(needs).toMatch(new RegExp(`^${caller}:`));
    }
  });
});

describe('the target of a request', () => {
  const known = [
    { audience: 'orders', url: 'https://o.test' },
    { audience: 'inventory', url: 'https://i.test/base' },
  ];
  it.each<[string[], string[], string]>([
    [['https://o.test'], [], 'orders'],
    [['https://o.test/'], [], 'orders'],
    [['https://i.test/base'], [], 'inventory'],
    [[], ['inventory'], 'inventory'],
    [[], ['unknown'], 'unknown'],
    [[], [], 'invalid_target'],
    [['https://o.test', 'https://o.test'], [], 'invalid_target'],
    [['https://o.test'], ['orders'], 'invalid_target'],
    [[], ['orders', 'inventory'], 'invalid_target'],
    [['https://i.test'], [], 'invalid_target'],
    [['https://o.test/x'], [], 'invalid_target'],
    [['https://o.test?x'], [], 'invalid_target'],
    [['HTTPS://O.TEST'], [], 'invalid_target'],
    [['orders'], [], 'invalid_target'],
  ])('of the resources %j and the audiences %j is %s', (resources, audiences, expected) => {
    const target = () => targetOf({ resources, audiences }, known);
    if (expected === 'invalid_target') expect(target).toThrow(expect.objectContaining({ code: expected }));
    else expect(target()).toBe(expected);
  });
});
