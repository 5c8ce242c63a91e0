/** Removes the demo in a copy of the repository, and runs what is left there. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demoPaths } from './demo-parts.js';
import { RepositoryCopy } from './repository-copy.js';

const name = 'gift-cards';
const table = 'infra/system/services.ts';

let copy: RepositoryCopy;

beforeAll(() => {
  copy = new RepositoryCopy();
});
afterAll(() => copy?.remove());

describe('a demo that cannot be ejected', () => {
  it.each([
    [['Gifts'], '"Gifts" cannot be the name of a service'],
    [['postgres'], '"postgres" is reserved'],
    [['auth'], 'The service auth exists already'],
    [['orders'], 'The service orders exists already'],
    [['verifier'], 'two meanings of verifierSettings'],
    [[name, 'another'], 'Only one service comes in the place of the demo'],
    [[name, '--colour'], "Unknown option '--colour'"],
    [[], 'The name of the new service is missing. Usage: npm run eject-demo'],
  ])('is refused with one line: %j', (args, line) => {
    const before = copy.digest();
    const { status, stderr } = eject(...args);
    expect([status, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining(line)]]);
    expect(copy.digest()).toEqual(before);
  });

  it('is refused if git knows of changes', () => {
    copy.commit();
    writeFileSync(join(copy.root, 'new-file'), '');
    const before = copy.digest();
    expect(eject(name).stderr).toMatch(/^There are changes that are not committed\. .* Or use --force\.\n$/);
    expect(copy.digest()).toEqual(before);
    copy.backToFirstCommit();
  });

  it('is refused if git ignores one of its files', () => {
    writeFileSync(join(copy.root, 'apps/orders/.env'), 'ORDERS=mine');
    copy.commit();
    const before = copy.digest();
    expect(eject(name).stderr).toBe(
      'git ignores these files of the demo, and could not bring them back: apps/orders/.env. Move them away first.\n',
    );
    expect(copy.digest()).toEqual(before);
    rmSync(join(copy.root, 'apps/orders/.env'));
  });

  it('is put back as a whole if the files that are made from code cannot be written', () => {
    const bootstrap = join(copy.root, 'infra/bootstrap.mjs');
    const text = readFileSync(bootstrap);
    writeFileSync(bootstrap, 'process.exit(1);');
    const before = copy.digest();
    const { status, stderr } = eject(name, '--force');
    expect([status, stderr]).toEqual([1, expect.stringContaining('Everything is as it was before.')]);
    expect(copy.digest()).toEqual(before);
    writeFileSync(bootstrap, text);
  });

  it('is only described by --dry-run', () => {
    const before = copy.digest();
    const { status, stdout } = eject(name, '--dry-run');
    expect([status, stdout]).toEqual([0, expect.stringContaining('removed   apps/orders/src/main.ts\n')]);
    expect(copy.digest()).toEqual(before);
  });
});

describe('a repository without the demo', () => {
  it('is made by one command, which lists the pages that speak of the demo', () => {
    const { status, stdout, stderr } = eject(name);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`The demo is gone, and the service ${name} is there.`);
    expect(stdout).toMatch(/^ {2}docs\/service-tokens\.md: \d+$/m);
  });

  it('has auth and the new service, with the scopes of a customer and without permissions', () => {
    expect(demoPaths.filter((path) => existsSync(join(copy.root, path)))).toEqual([]);
    expect([...copy.read(table).matchAll(/^ {4}name: '(.*)'/gm)].map(([, each]) => each)).toEqual([
      'auth',
      name,
    ]);
    expect(copy.read('apps/auth/src/accounts/scopes.ts')).toMatch(
      /customer: \{\s*'gift-cards': \['gift-cards:write'\],?\s*\},\s*admin: \{ auth: \[[^\]]*\] \}/,
    );
    expect(copy.read('apps/auth/src/oauth/exchange-policy.ts')).toContain(
      'permissions: readonly Permission[] = [];',
    );
    expect(Object.keys(JSON.parse(copy.read('nest-cli.json')).projects)).not.toContain('orders');
    expect(JSON.parse(copy.read('.devcontainer/devcontainer.json')).forwardPorts).toEqual([3000, 3001]);
    for (const path of ['docker-compose.yml', 'docs/config.md', '.env.example', '.vscode/launch.json'])
      expect(copy.read(path)).not.toMatch(/\b(orders|inventory)\b/i);
  });

  it('agrees with itself: the types, the format, the boundaries and the files that are made from code', () => {
    const tool = (...args: string[]) => copy.run(join('node_modules', args[0]!), ...args.slice(1));
    expect(tool('prettier/bin/prettier.cjs', '--check', '.')).toMatchObject({ status: 0, stderr: '' });
    expect(tool('typescript/bin/tsc', '-p', 'tsconfig.json')).toMatchObject({ status: 0, stdout: '' });
    const checks = ['generated-files', 'migrations', 'boundaries', 'lock-file', 'dependency-reasons'];
    const { status, stdout } = copy.run('dist/infra/checks/run.js', ...checks);
    expect([status, stdout]).toEqual([0, expect.stringContaining('5 static checks passed')]);
  });

  it('shows its tour, and its specs pass', () => {
    const specs = [`apps/${name}/`, 'infra/system/', 'infra/local/whole-system', 'apps/auth/src/'];
    const { status, stderr } = copy.run('infra/bootstrap.mjs', 'test', ...specs);
    expect(stderr).toContain('PASS infra/local/whole-system.e2e-spec.ts');
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('FAIL')]);
  });

  it('is made once', () => {
    const before = copy.digest();
    const { status, stderr } = eject('another');
    expect([status, stderr]).toEqual([1, `There is no demo: ${table} has no row orders or inventory.\n`]);
    expect(copy.digest()).toEqual(before);
  });
});

function eject(...args: string[]) {
  return copy.run('dist/infra/starter/eject-demo.js', ...args);
}
