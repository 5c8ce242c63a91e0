/** Makes a service in a copy of the repository, and runs what it made there. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { projectRoot } from '../project.js';
import { nextOffset } from '../system/service-table.js';
import { defaultPortBase, services } from '../system/services.js';

const timeoutMs = 300_000;
/** Folders and files of this clone, which are not part of the repository. */
const notCopied = ['node_modules', '.git', '.signet', 'coverage', '.preparing'];
const name = 'loyalty-points';
const offset = nextOffset(services);
const port = defaultPortBase + offset;

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'test-new-service-'));
  cpSync(projectRoot, root, { recursive: true, filter: (path) => !notCopied.includes(basename(path)) });
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
}, timeoutMs);
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('a service that cannot be made', () => {
  it.each([
    [['Points'], '"Points" cannot be the name of a service'],
    [['postgres'], '"postgres" is reserved'],
    [['x'.repeat(41)], 'is too long for a service'],
    [['verifier'], 'two meanings of verifierSettings'],
    [['type'], 'two meanings of TypeError'],
    [['inventory'], 'The service inventory exists already: infra/system/services.ts has its row'],
    [[name, '--port-offset', '1'], `belongs to orders. The next free one is ${offset}`],
    [[name, '--port-offset', '0x9'], 'The port offset must be a whole number'],
    [[name, '--role', 'boss'], 'There is no role "boss". Expected: customer or admin'],
    [[name, 'another'], 'Only one service can be made at a time'],
    [[name, '--colour'], "Unknown option '--colour'"],
    [[], 'The name of the service is missing. Usage: npm run new:service'],
  ])('is refused with one line: %j', (args, line) => {
    const before = digest();
    const { status, stderr } = newService(...args);
    expect([status, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining(line)]]);
    expect(digest()).toEqual(before);
  });

  it('is refused if its folder is there', () => {
    cpSync(join(root, 'apps/inventory/src/errors.ts'), join(root, 'apps/left-over/src/errors.ts'));
    expect(newService('left-over').stderr).toContain('The folder apps/left-over exists already. Remove it');
    rmSync(join(root, 'apps/left-over'), { recursive: true });
  });

  it('is refused if git knows of changes', () => {
    execFileSync('git', ['init', '--quiet'], { cwd: root });
    const before = digest();
    expect(newService(name).stderr).toMatch(
      /^There are changes that are not committed\. .* use --force\.\n$/,
    );
    expect(digest()).toEqual(before);
    rmSync(join(root, '.git'), { recursive: true });
  });

  it('leaves nothing behind if the files that are made from code cannot be written', () => {
    const bootstrap = join(root, 'infra/bootstrap.mjs');
    const text = readFileSync(bootstrap);
    writeFileSync(bootstrap, 'process.exit(1);');
    const before = digest();
    const { status, stderr } = newService(name);
    expect([status, stderr]).toEqual([1, expect.stringContaining('Everything is as it was before.')]);
    expect(digest()).toEqual(before);
    writeFileSync(bootstrap, text);
  });

  it('is only described by --dry-run', () => {
    const before = digest();
    const { status, stdout } = newService(name, '--dry-run');
    expect([status, stdout]).toEqual([0, expect.stringContaining(`new       apps/${name}/src/main.ts\n`)]);
    expect(digest()).toEqual(before);
  });
});

describe('a new service', () => {
  it(
    'is made by one command',
    () => {
      const { status, stdout, stderr } = newService(name, '--role', 'customer');
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`http://localhost:${port}/docs`);
    },
    timeoutMs,
  );

  it('is in the service table, in the scopes and in every file that is made from them', () => {
    expect(read('infra/system/services.ts')).toContain(`    name: '${name}',\n    portOffset: ${offset},\n`);
    expect(read('apps/auth/src/accounts/scopes.ts')).toContain(`'${name}': ['${name}:write']`);
    expect(JSON.parse(read('nest-cli.json')).projects[name].root).toBe(`apps/${name}`);
    expect(read('docker-compose.yml')).toContain(`\n  ${name}:\n`);
    expect(read('docker-compose.yml')).toContain(`127.0.0.1:\${LOYALTY_POINTS_PORT:-${port}}:${port}`);
    expect(read('compose.tls.yml')).toContain(`\n  ${name}:\n`);
    for (const caddyfile of ['Caddyfile', 'Caddyfile.tls'])
      expect(read(`infra/compose/${caddyfile}`)).toContain(`import replicas ${name} ${port}`);
    expect(read('docs/config.md')).toContain(`\n## ${name}\n`);
    expect(read('.env.example')).toContain(`\n#LOYALTY_POINTS_PORT=${port}\n`);
  });

  it('has its name everywhere, and nothing of the template', () => {
    const files = filesOf(`apps/${name}`);
    expect(files).toContain('src/loyalty-points.module.ts');
    for (const file of files) expect(file + read(`apps/${name}/${file}`)).not.toMatch(/sample/i);
    expect(read(`apps/${name}/src/config.ts`)).toContain('export const loyaltyPointsSettings = ');
  });

  it('agrees with the rest of the repository: the types, the format, and the files that are made from code', () => {
    const tool = (...args: string[]) => run([join('node_modules', args[0]!), ...args.slice(1)]);
    const changed = [`apps/${name}`, 'infra/system/services.ts', 'apps/auth/src/accounts', 'nest-cli.json'];
    expect(tool('prettier/bin/prettier.cjs', '--check', ...changed)).toMatchObject({ status: 0, stderr: '' });
    expect(tool('typescript/bin/tsc', '-p', 'tsconfig.json')).toMatchObject({ status: 0, stdout: '' });
    expect(run(['dist/infra/checks/run.js', 'generated-files', 'migrations'])).toMatchObject({ status: 0 });
  }, 300_000);

  it(
    'passes its own spec, and those of the service table and the scopes',
    () => {
      const specs = [
        `apps/${name}/`,
        'infra/system/',
        'apps/auth/src/accounts/scopes',
        'apps/auth/src/config',
      ];
      const { status, stderr } = run(['infra/bootstrap.mjs', 'test', ...specs]);
      expect(stderr).toContain(`PASS apps/${name}/test/${name}.e2e-spec.ts`);
      expect([status, stderr]).toEqual([0, expect.not.stringContaining('FAIL')]);
    },
    timeoutMs,
  );

  it('is made once', () => {
    const before = digest();
    const { status, stderr } = newService(name);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`The service ${name} exists already`)]);
    expect(digest()).toEqual(before);
  });
});

function newService(...args: string[]) {
  return run(['dist/infra/starter/new-service.js', ...args]);
}

/** Runs a program in the copy. Jest sets variables that must not reach it. */
function run(args: string[]) {
  const inherited = Object.entries(process.env).filter(([key]) => !/^(NODE_|JEST_|TEST_)/.test(key));
  const options = {
    cwd: root,
    encoding: 'utf8',
    timeout: timeoutMs,
    env: Object.fromEntries(inherited),
  } as const;
  return spawnSync(process.execPath, args, options);
}

/** The content of all files that belong to the repository. */
function digest(): Record<string, string> {
  const paths = filesOf('.').filter((path) => !/^(dist|node_modules|\.git)\//.test(path));
  return Object.fromEntries(
    paths.map((path) => [
      path,
      createHash('sha256')
        .update(readFileSync(join(root, path)))
        .digest('base64'),
    ]),
  );
}

function filesOf(folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((path) => statSync(join(root, folder, path)).isFile()).sort();
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}
