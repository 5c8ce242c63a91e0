import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { projectRoot } from '../project.js';

const stateDir = mkdtempSync(join(tmpdir(), 'no-system-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

function keys(...keyArguments: string[]) {
  const program = join(projectRoot, 'dist/infra/local/run-key-command.js');
  const run = spawnSync(process.execPath, [program, '--state-dir', stateDir, ...keyArguments], {
    encoding: 'utf8',
  });
  return { status: run.status, stdout: run.stdout, stderr: run.stderr };
}

it('npm run keys says what to start first, if no system runs', () => {
  expect(keys('list')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('npm start') });
});

it('npm run keys -- --help needs no system', () => {
  expect(keys('--help')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('npm run keys -- revoke KID'),
    stderr: '',
  });
});
