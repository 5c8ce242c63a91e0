import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { projectRoot } from '../project.js';
import { requireStateDir } from './require-state-dir.js';

const strange = (name: string) => `it has ${name}, which no command of this repository makes`;

describe('a state folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'test-state-dir-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['does not exist', undefined],
    ['is empty', []],
    ['has only the claim of a start that failed', ['launchers/']],
    ['was half made', ['launchers/', 'secrets/', 'credentials.json.17.draft']],
    [
      'was used',
      [
        'launchers/',
        'client-keys/',
        'logs/',
        'nats/',
        'stamps/',
        'children.json',
        'orders.env',
        'restoring/',
      ],
    ],
  ])('is accepted if it %s', (_what, files) => {
    expect(() => requireStateDir(place(files))).not.toThrow();
  });

  it.each([
    ['has other files', ['launchers/', 'secrets/', 'notes.txt'], strange('notes.txt')],
    ['is a repository', ['.git/', 'public/'], strange('.git')],
    ['has settings of somebody', ['launchers/', '.env'], strange('.env')],
    ['was never started', ['public/', 'logs/'], 'it has no launchers/, which every start makes first'],
    ['has a file for its claims', ['launchers'], 'it has no launchers/, which every start makes first'],
  ])('is refused if it %s, also through a link', (_what, files, fault) => {
    const dir = place(files);
    symlinkSync(dir, join(folder, 'link'));
    for (const each of [dir, join(folder, 'link')])
      expect(() => requireStateDir(each)).toThrow(
        `${each} is not a state folder: ${fault}. Nothing has changed.`,
      );
  });

  it('is a folder', () => {
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('nothing', join(folder, 'dangling'));
    for (const name of ['file', 'dangling'])
      expect(() => requireStateDir(join(folder, name))).toThrow('it is no folder');
  });

  it('is all that npm run reset removes', () => {
    const dir = place(['public/', 'logs/', 'launchers/', 'launchers/claim', 'thesis.txt']);
    expect(reset('--state-dir', dir)).toMatchObject({
      status: 1,
      stderr: `${dir} is not a state folder: ${strange('thesis.txt')}. Nothing has changed.\n`,
    });
    expect(existsSync(join(dir, 'launchers/claim'))).toBe(true);
    rmSync(join(dir, 'thesis.txt'));
    expect(reset('--state-dir', dir)).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(dir)).toBe(false);
    expect(reset('--no-such-option').stderr).toMatch(/^[^\n]* Usage: npm run reset [^\n]*\n$/);
  });

  function reset(...args: string[]) {
    const program = join(projectRoot, 'dist/infra/local/reset.js');
    return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  }

  function place(files: string[] | undefined): string {
    const dir = join(folder, 'state');
    if (files) mkdirSync(dir);
    for (const file of files ?? []) {
      mkdirSync(file.endsWith('/') ? join(dir, file) : dirname(join(dir, file)), { recursive: true });
      if (!file.endsWith('/')) writeFileSync(join(dir, file), '');
    }
    return dir;
  }
});
