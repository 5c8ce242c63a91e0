import { spawnSync } from 'node:child_process';
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
