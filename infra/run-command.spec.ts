import { afterEach, describe, expect, it } from '@jest/globals';
import { pathFromUser } from './run-command.js';

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
