/** Makes a service in a copy of the repository. walk.starter-spec.ts checks and runs what was made. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { developingFolder } from '../build-stamp.mjs';
import { tryClaim } from '../claims.mjs';
import { nextOffset } from '../system/service-table.js';
import { defaultPortBase, services } from '../system/services.js';
import { RepositoryCopy } from './repository-copy.js';

const name = 'loyalty-points';
const offset = nextOffset(services);
const port = defaultPortBase + offset;
const existing = services.at(-1)!.name;

let copy: RepositoryCopy;

beforeAll(() => {
  copy = new RepositoryCopy();
});
afterAll(() => copy?.remove());

describe('a service that cannot be made', () => {
  it.each([
    [['Points'], '"Points" cannot be the name of a service'],
    [['postgres'], '"postgres" is reserved'],
    [['x'.repeat(41)], 'is too long for a service'],
    [['verifier'], 'two meanings of verifierSettings'],
    [['type'], 'two meanings of TypeError'],
    [[existing], `The service ${existing} exists already: infra/system/services.ts has its row`],
    [[name, '--port-offset', '0'], `belongs to auth. The next free one is ${offset}`],
    [[name, '--port-offset', '0x9'], 'The port offset must be a whole number'],
    [[name, '--role', 'boss'], 'There is no role "boss". Expected: customer or admin'],
    [[name, 'another'], 'Only one service can be made at a time'],
    [[name, '--colour'], "Unknown option '--colour'"],
    [[], 'The name of the service is missing. Usage: npm run new:service'],
  ])('is refused with one line: %j', (args, line) => {
    const before = copy.digest();
    const { status, stderr } = newService(...args);
    expect([status, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining(line)]]);
    expect(copy.digest()).toEqual(before);
  });

  it('is refused if its folder is there', () => {
    cpSync(join(copy.root, 'apps/auth/src/errors.ts'), join(copy.root, 'apps/left-over/src/errors.ts'));
    expect(newService('left-over').stderr).toContain('The folder apps/left-over exists already. Remove it');
    rmSync(join(copy.root, 'apps/left-over'), { recursive: true });
  });

  it('is refused if git knows of changes', () => {
    copy.commit();
    writeFileSync(join(copy.root, 'new-file'), '');
    const before = copy.digest();
    expect(newService(name).stderr).toMatch(
      /^There are changes that are not committed\. .* Or use --force\.\n$/,
    );
    expect(copy.digest()).toEqual(before);
    rmSync(join(copy.root, 'new-file'));
    rmSync(join(copy.root, '.git'), { recursive: true });
  });

  it('is refused while npm run dev compiles there', () => {
    const release = tryClaim(join(copy.root, developingFolder)) as () => void;
    const before = copy.digest();
    expect(newService(name).stderr).toContain(
      `npm run dev\` runs here (process ${process.pid}). Stop it first`,
    );
    expect(copy.digest()).toEqual(before);
    release();
  });

  it('is refused while another generator works there', () => {
    const release = tryClaim(join(copy.root, '.generating')) as () => void;
    const before = copy.digest();
    expect(newService(name).stderr).toContain(`Another generator runs here (process ${process.pid})`);
    expect(copy.digest()).toEqual(before);
    release();
  });

  it('leaves nothing behind if the files that are made from code cannot be written', () => {
    const bootstrap = join(copy.root, 'infra/bootstrap.mjs');
    const text = readFileSync(bootstrap);
    writeFileSync(bootstrap, 'process.exit(1);');
    const before = copy.digest();
    const { status, stderr } = newService(name);
    expect([status, stderr]).toEqual([1, expect.stringContaining('Everything is as it was before.')]);
    expect(copy.digest()).toEqual(before);
    writeFileSync(bootstrap, text);
  });

  it('is only described by --dry-run', () => {
    const before = copy.digest();
    const { status, stdout } = newService(name, '--dry-run');
    expect([status, stdout]).toEqual([0, expect.stringContaining(`new       apps/${name}/src/main.ts\n`)]);
    expect(copy.digest()).toEqual(before);
  });
});

describe('a new service', () => {
  it('is made by one command', () => {
    const { status, stdout, stderr } = newService(name, '--role', 'customer');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`http://localhost:${port}/docs`);
  });

  it('is in the service table, in the scopes and in every file that is made from them', () => {
    expect(copy.read('infra/system/services.ts')).toContain(
      `    name: '${name}',\n    portOffset: ${offset},\n`,
    );
    expect(copy.read('apps/auth/src/accounts/scopes.ts')).toContain(`'${name}': ['${name}:write']`);
    expect(JSON.parse(copy.read('nest-cli.json'))).toHaveProperty(['projects', name, 'root'], `apps/${name}`);
    expect(copy.read('docker-compose.yml')).toContain(`\n  ${name}:\n`);
    expect(copy.read('docker-compose.yml')).toContain(`127.0.0.1:\${LOYALTY_POINTS_PORT:-${port}}:${port}`);
    expect(copy.read('compose.tls.yml')).toContain(`\n  ${name}:\n`);
    for (const caddyfile of ['Caddyfile', 'Caddyfile.tls'])
      expect(copy.read(`infra/compose/${caddyfile}`)).toContain(`import replicas ${name} ${port}`);
    expect(copy.read('docs/config.md')).toContain(`\n## ${name}\n`);
    expect(copy.read('.env.example')).toContain(`\n#LOYALTY_POINTS_PORT=${port}\n`);
  });

  it('has its name everywhere, and nothing of the template', () => {
    const files = copy.filesOf(`apps/${name}`);
    expect(files).toContain('src/loyalty-points.module.ts');
    for (const file of files) expect(file + copy.read(`apps/${name}/${file}`)).not.toMatch(/sample/i);
    expect(copy.read(`apps/${name}/src/config.ts`)).toContain('export const loyaltyPointsSettings = ');
  });

  it('is made once', () => {
    const before = copy.digest();
    const { status, stderr } = newService(name);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`The service ${name} exists already`)]);
    expect(copy.digest()).toEqual(before);
  });
});

function newService(...args: string[]) {
  return copy.run('dist/infra/starter/new-service.js', ...args);
}
