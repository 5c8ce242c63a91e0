/** Makes calls between services in a copy of the repository. walk.starter-spec.ts checks and runs what was made. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultPortBase, services } from '../system/services.js';
import { nextOffset } from '../system/service-table.js';
import { RepositoryCopy } from './repository-copy.js';

const name = 'gift-cards-2';
const port = defaultPortBase + nextOffset(services);

let copy: RepositoryCopy;
const newCall = (...args: string[]) => copy.run('dist/infra/starter/new-call.js', ...args);

beforeAll(() => {
  copy = new RepositoryCopy();
});
afterAll(() => copy.remove());

describe('a call that cannot be made', () => {
  it.each([
    [['nobody', 'inventory'], 'There is no service "nobody". Expected: orders or inventory'],
    [['orders', 'nobody'], 'There is no service "nobody". Expected: orders or inventory'],
    [['auth', 'inventory'], 'auth cannot be one of the two'],
    [['orders', 'auth'], 'auth cannot be one of the two'],
    [['orders', 'orders'], 'orders cannot call itself'],
    [['orders', 'inventory'], 'orders calls inventory already: infra/system/services.ts says so'],
    [
      ['inventory', 'orders', '--needs', 'inventory:no'],
      'inventory has no scope "inventory:no". Expected: inventory:reserve or inventory:write',
    ],
    [
      ['inventory', 'orders', '--grants', 'orders:no'],
      'orders has no scope "orders:no". Expected: orders:read or orders:write; --new-scope makes a new one',
    ],
    [['inventory', 'orders', '--new-scope', 'orders:read'], 'orders has the scope "orders:read" already'],
    [['inventory', 'orders', '--new-scope', 'reads'], '"reads" cannot be a scope of orders'],
    [['inventory', 'orders', '--new-scope', 'orders:a', '--grants', 'orders:read'], 'use one of them'],
    [['inventory', 'orders', 'another'], 'Only one call can be made at a time'],
    [['inventory', 'orders', '--colour'], "Unknown option '--colour'"],
    [['inventory'], 'The name of the callee is missing. Usage: npm run new:call'],
    [[], 'The name of the caller is missing. Usage: npm run new:call'],
  ])('is refused with one line: %j', (args, line) => {
    const before = copy.digest();
    const { status, stderr } = newCall(...args);
    expect([status, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining(line)]]);
    expect(copy.digest()).toEqual(before);
  });

  it('is refused if git knows of changes', () => {
    copy.commit();
    writeFileSync(join(copy.root, 'new-file'), '');
    const before = copy.digest();
    expect(newCall('inventory', 'orders').stderr).toMatch(
      /^There are changes that are not committed\. .* use --force\.\n$/,
    );
    expect(copy.digest()).toEqual(before);
    rmSync(join(copy.root, 'new-file'));
    rmSync(join(copy.root, '.git'), { recursive: true });
  });

  it('is refused if a role already has the scope that only services should get', () => {
    const [roles, config] = ['apps/auth/src/accounts/scopes.ts', 'apps/orders/src/config.ts'] as const;
    const [rolesText, configText] = [copy.read(roles), copy.read(config)];
    write(roles, rolesText.replace(`'orders:write'`, `'orders:write', 'orders:call'`));
    write(config, configText.replace(`'orders:write': true;`, `'orders:write': true; 'orders:call': true;`));
    expect(newCall('inventory', 'orders').stderr).toContain('A role has the scope orders:call. Name another');
    write(roles, rolesText);
    write(config, configText);
  });

  it('is refused if one of its files is there', () => {
    const left = 'apps/orders/test/inventory-caller.e2e-spec.ts';
    write(left, '');
    expect(newCall('inventory', 'orders').stderr).toContain(`The file ${left} exists already. Remove it`);
    rmSync(join(copy.root, left));
  });

  it('is only described by --dry-run', () => {
    const before = copy.digest();
    const { status, stdout } = newCall('inventory', 'orders', '--dry-run');
    const client = 'new       apps/inventory/src/callees/orders-callee.ts\n';
    expect([status, stdout]).toEqual([0, expect.stringContaining(client)]);
    expect(copy.digest()).toEqual(before);
  });
});

describe('calls of a new service', () => {
  it('are made in both directions, by one command each', () => {
    expect(copy.run('dist/infra/starter/new-service.js', name)).toMatchObject({ status: 0, stderr: '' });
    for (const [caller, callee] of [
      [name, 'orders'],
      ['orders', name],
    ] as const)
      expect(newCall(caller, callee)).toMatchObject({
        status: 0,
        stderr: '',
        stdout: expect.stringContaining(`/callees/${callee} then makes the call`),
      });
  });

  it('are in the service table, in the policy and in every file that is made from them', () => {
    expect(copy.read('infra/system/services.ts')).toContain(`calls: ['inventory', '${name}'],`);
    const policy = copy.read('apps/auth/src/oauth/exchange-policy.ts');
    for (const row of [
      `{ caller: '${name}', callee: 'orders', needs: '${name}:write', grants: ['orders:call'] }`,
      `{ caller: 'orders', callee: '${name}', needs: 'orders:read', grants: ['${name}:call'] }`,
    ])
      expect(policy).toContain(row);
    expect(copy.read('docker-compose.yml')).toContain(`GIFT_CARDS_2_URL: 'http://${name}:${port}'`);
    expect(copy.read('docs/config.md')).toContain('| `GIFT_CARDS_2_URL` ');
  });

  it('have the names of their services everywhere, and nothing of the templates', () => {
    for (const file of [
      `apps/${name}/src/callees/orders-callee.ts`,
      `apps/${name}/src/callees/orders-callee.controller.ts`,
      `apps/${name}/test/orders-callee.e2e-spec.ts`,
      `apps/orders/src/callers/${name}-caller.controller.ts`,
      `apps/orders/test/${name}-caller.e2e-spec.ts`,
    ])
      expect(copy.read(file)).not.toMatch(/sample|partner/i);
  });

  it('are made once', () => {
    const before = copy.digest();
    const { status, stderr } = newCall(name, 'orders');
    expect([status, stderr]).toEqual([1, expect.stringContaining(`${name} calls orders already`)]);
    expect(copy.digest()).toEqual(before);
  });
});

function write(path: string, text: string): void {
  writeFileSync(join(copy.root, path), text);
}
