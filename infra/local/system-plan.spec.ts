import { describe, expect, it } from '@jest/globals';
import { parseEnv } from 'node:util';
import { planEnvFile } from './system-plan.js';

describe('a file for node --env-file', () => {
  it.each([
    [''],
    ['plain'],
    [' a b # c '],
    ["it's"],
    ['a "b"'],
    [`'"`],
    ['$HOME ${HOME}'],
    ['C:\\new'],
    ['two\nlines'],
  ])('Node reads %j as it was written', (value) => {
    const environment = { FIRST: value, SECOND: value };
    expect(parseEnv(planEnvFile(environment))).toEqual(environment);
  });

  it('is not written with a value that Node would read differently', () => {
    expect(() => planEnvFile({ ODD: `'"\`` })).toThrow('The value of ODD cannot be written');
  });
});
