/** Adds resources to services in a copy of the repository. walk.starter-spec.ts checks and runs what was made. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RepositoryCopy } from './repository-copy.js';

let copy: RepositoryCopy;
const inCopy = (path: string) => join(copy.root, path);
const newResource = (...args: string[]) => copy.run('dist/infra/starter/new-resource.js', ...args);

beforeAll(() => {
  copy = new RepositoryCopy();
});
afterAll(() => copy.remove());

describe('a resource that cannot be made', () => {
  it.each([
    [['shop', 'invoice'], 'There is no service "shop". Expected: orders or inventory'],
    [['auth', 'invoice'], 'auth issues the tokens, and has no resources. Expected: orders or inventory'],
    [['orders', 'Invoice'], '"Invoice" cannot be the name of a resource'],
    [['orders', 'x'.repeat(41)], 'is too long for a resource'],
    [['orders', 'metric'], '"metrics" is reserved: it is the route of the metrics'],
    [['orders', 'reference'], '"references" is reserved: it is a word of SQL'],
    [['orders', 'news', '--plural', 'news'], '"news" cannot be both the name and the plural'],
    [['orders', 'class'], 'two meanings of class'],
    [['orders', 'date'], 'two meanings of Date'],
    [['orders', 'page'], 'two meanings of Page'],
    [['orders', 'order'], 'apps/orders/src/orders exists already. Choose another name'],
    [['orders', 'line', '--plural', 'operations'], 'apps/orders/test/operations.e2e-spec.ts exists already'],
    [['orders', 'idempotency-key'], 'has the table idempotency_keys already'],
    [['orders', 'stock', '--plural', 'shares'], 'apps/orders/src/stock/stock.ts has the class Stock already'],
    [['orders', 'invoice', 'receipt'], 'Only one resource can be made at a time'],
    [['orders', 'invoice', '--colour'], "Unknown option '--colour'"],
    [['orders'], 'The name of the resource is missing. Usage: npm run new:resource'],
    [[], 'The name of the service is missing. Usage: npm run new:resource'],
  ])('is refused with one line: %j', (args, line) => {
    const before = copy.digest();
    const { status, stderr } = newResource(...args);
    expect([status, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining(line)]]);
    expect(copy.digest()).toEqual(before);
  });

  it('is refused if a file of the service is missing', () => {
    const testApp = inCopy('apps/orders/test/orders-app.ts');
    const text = readFileSync(testApp);
    rmSync(testApp);
    expect(newResource('orders', 'gift-card').stderr).toBe(
      'apps/orders/test/orders-app.ts is missing. orders must have it, as the other services have theirs.\n',
    );
    writeFileSync(testApp, text);
  });

  it('is refused if a list in which it belongs is written in another way', () => {
    const path = inCopy('apps/orders/src/database/index.ts');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('const entities = [', 'const tables = ['));
    const before = copy.digest();
    expect(newResource('orders', 'gift-card').stderr).toMatch(
      /^apps\/orders\/src\/database\/index\.ts has no list named entities\. .*\n$/,
    );
    expect(copy.digest()).toEqual(before);
    writeFileSync(path, text);
  });

  it('is refused if git knows of changes', () => {
    copy.commit();
    writeFileSync(join(copy.root, 'new-file'), '');
    const before = copy.digest();
    expect(newResource('orders', 'gift-card').stderr).toMatch(
      /^There are changes that are not committed\. .* use --force\.\n$/,
    );
    expect(copy.digest()).toEqual(before);
    rmSync(inCopy('.git'), { recursive: true });
  });

  it('leaves nothing behind if the build fails', () => {
    const bootstrap = inCopy('infra/bootstrap.mjs');
    const text = readFileSync(bootstrap);
    writeFileSync(bootstrap, 'process.exit(1);');
    const before = copy.digest();
    const { status, stderr } = newResource('orders', 'gift-card');
    expect([status, stderr]).toEqual([1, expect.stringContaining('Everything is as it was before.')]);
    expect(copy.digest()).toEqual(before);
    writeFileSync(bootstrap, text);
  });

  it('is only described by --dry-run', () => {
    const before = copy.digest();
    const { status, stdout } = newResource('orders', 'gift-card', '--dry-run');
    expect(stdout).toContain('new       apps/orders/src/database/migrations/3-gift-cards.ts\n');
    expect(status).toBe(0);
    expect(copy.digest()).toEqual(before);
  });
});

describe('the scopes of a resource', () => {
  it('are those of the service, if customers have them', () => {
    const { stdout } = newResource('orders', 'gift-card', '--dry-run');
    expect(stdout).toContain('changed   apps/orders/src/errors.ts\n');
    expect(stdout).not.toMatch(/config\.ts|scopes\.ts/);
  });

  it('are its own, if customers do not have both', () => {
    const scopes = inCopy('apps/auth/src/accounts/scopes.ts');
    const text = readFileSync(scopes, 'utf8');
    writeFileSync(scopes, text.replace(`'orders:read', 'orders:write'`, `'orders:write'`));
    const { stdout } = newResource('orders', 'gift-card', '--dry-run');
    expect(stdout).toMatch(/changed {3}apps\/orders\/src\/config\.ts\n.*accounts\/scopes\.ts\n/);
    writeFileSync(scopes, text);
  });
});

describe('a new resource', () => {
  it('is made by one command', () => {
    const { status, stdout, stderr } = newResource('inventory', 'gift-card');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('inventory:gift-cards:read and inventory:gift-cards:write. Customers get them');
  });

  it('is in the module, the database, the errors and the scopes of its service', () => {
    expect(copy.read('apps/inventory/src/inventory.module.ts')).toContain(
      'controllers: [ProductsController, ReservationsController, GiftCardsController],',
    );
    expect(copy.read('apps/inventory/src/database/index.ts')).toContain(
      'migrations = [Products1790000000001, Reservations1790000000002, GiftCards1790000000003];',
    );
    expect(copy.read('apps/inventory/src/errors.ts')).toContain(
      `gift_card_not_found: { status: 404, title: 'You have no gift card with this id' },`,
    );
    expect(copy.read('apps/inventory/src/config.ts')).toContain(`'inventory:gift-cards:write': true;`);
    expect(copy.read('apps/auth/src/accounts/scopes.ts')).toMatch(
      /customer: \{[^}]*inventory: \['inventory:gift-cards:read', 'inventory:gift-cards:write'\],/,
    );
  });

  it('has its name everywhere, and nothing of the template', () => {
    const files = copy.filesOf('apps/inventory').filter((path) => path.includes('gift-card'));
    expect(files).toEqual([
      'src/database/migrations/3-gift-cards.ts',
      'src/gift-cards/gift-card.entity.ts',
      'src/gift-cards/gift-card.schemas.ts',
      'src/gift-cards/gift-cards.controller.ts',
      'src/gift-cards/gift-cards.service.ts',
      'test/gift-cards.e2e-spec.ts',
    ]);
    for (const file of files) expect(copy.read(`apps/inventory/${file}`)).not.toMatch(/sample|field.?note/i);
  });

  it('is made once', () => {
    const before = copy.digest();
    const { status, stderr } = newResource('inventory', 'gift-card');
    expect([status, stderr]).toEqual([
      1,
      'apps/inventory/src/gift-cards exists already. Choose another name, or give another --plural.\n',
    ]);
    expect(copy.digest()).toEqual(before);
  });
});
