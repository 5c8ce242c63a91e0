import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { projectRoot } from './project.js';
import { pathFromUser, readArguments } from './run-command.js';

describe('a folder that the user named', () => {
  const before = process.env['INIT_CWD'];
  const setTo = (value: string | undefined) => {
    if (value === undefined) delete process.env['INIT_CWD'];
    else process.env['INIT_CWD'] = value;
  };
  afterEach(() => setTo(before));

  it.each([
    ['/somewhere', 'backup', '/somewhere/backup'],
    ['/somewhere', '/backup', '/backup'],
    [undefined, 'backup', `${process.cwd()}/backup`],
  ])('is relative to where npm was called: %s, %s', (calledIn, path, expected) => {
    setTo(calledIn);
    expect(pathFromUser(path)).toBe(expected);
  });
});

describe('the arguments of a command', () => {
  it('print the usage with --help, and end the process with 0', () => {
    const program = `
      const { readArguments } = await import(${JSON.stringify(pathToFileURL(join(projectRoot, 'dist/infra/run-command.js')).href)});
      readArguments('npm run it', () => { throw new Error('read'); });`;
    const run = (...args: string[]) => {
      const all = ['--input-type=module', '--eval', program, '--', ...args];
      const { status, stdout } = spawnSync(process.execPath, all, { encoding: 'utf8', timeout: 30_000 });
      return { status, stdout };
    };
    expect(run('--help')).toEqual({ status: 0, stdout: 'Usage: npm run it\n' });
    expect(run()).toEqual({ status: 1, stdout: '' });
  });

  it('have their usage in the message of a fault', () => {
    const fail = () => {
      throw new Error('Name it');
    };
    expect(() => readArguments('npm run it', fail)).toThrow('Name it. Usage: npm run it');
    expect(() => readArguments('npm run it\nor this', fail)).toThrow('Name it.\nUsage: npm run it\nor this');
  });
});
