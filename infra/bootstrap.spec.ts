import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { projectRoot } from './project.js';

/** A repository with one source. */
let root: string;
const write = (file: string, text: string) => writeFileSync(join(root, file), text);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bootstrap-'));
  for (const folder of ['infra', 'apps', 'dist']) mkdirSync(join(root, folder));
  const programs = ['bootstrap', 'build-stamp', 'claims', 'process-identity'];
  const files = [...programs.map((name) => `infra/${name}.mjs`), 'package.json', 'package-lock.json'];
  for (const file of files) cpSync(join(projectRoot, file), join(root, file));
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  write('tsconfig.json', '{}');
  write(
    'tsconfig.build.json',
    '{"compilerOptions":{"outDir":"dist","rootDir":".","types":[]},"include":["apps"]}',
  );
  write('dist/old.js', '');
});
afterEach(() => rmSync(root, { recursive: true }));

const prepare = () =>
  spawnSync(process.execPath, ['infra/bootstrap.mjs', 'prepare'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });

it('leaves the last build if the sources have an error, and replaces it when they have none', () => {
  write('apps/new.ts', `export const count: number = 'one';`);
  const { status, stderr } = prepare();
  expect([status, stderr]).toEqual([1, expect.stringContaining('apps/new.ts(1,14): error TS2322')]);
  expect([existsSync(join(root, 'dist/old.js')), existsSync(join(root, 'dist/new.js'))]).toEqual([
    true,
    false,
  ]);

  write('apps/new.ts', `export const count: number = 1;`);
  expect(prepare().status).toBe(0);
  expect([existsSync(join(root, 'dist/old.js')), existsSync(join(root, 'dist.last'))]).toEqual([
    false,
    false,
  ]);
  expect(prepare()).toMatchObject({ status: 0, stdout: '' });
});

it('builds beside a link that leads nowhere, such as the lock file of an editor', () => {
  write('apps/new.ts', 'export const count = 1;');
  symlinkSync('somebody@host.1:1', join(root, 'apps/.#new.ts'));
  expect(prepare().status).toBe(0);
  expect(prepare()).toMatchObject({ status: 0, stdout: '' });
});

it('a build that was killed does not replace the last one', () => {
  mkdirSync(join(root, 'dist.last'));
  write('dist.last/good.js', '');
  write('apps/new.ts', `export const count: number = 'one';`);
  expect(prepare().status).toBe(1);
  expect([existsSync(join(root, 'dist/good.js')), existsSync(join(root, 'dist/old.js'))]).toEqual([
    true,
    false,
  ]);
});

it('a build that is told to end stops the compiler, and leaves the last build', async () => {
  write('apps/new.ts', `export const count = 1;`);
  const child = spawn(process.execPath, ['infra/bootstrap.mjs', 'prepare'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data'); // "Building ..."
  child.kill('SIGTERM');
  await once(child, 'close');
  expect(child.exitCode).toBe(1);
  expect([existsSync(join(root, 'dist/old.js')), existsSync(join(root, 'dist/new.js'))]).toEqual([
    true,
    false,
  ]);
});
