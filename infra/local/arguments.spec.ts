import { describe, expect, it } from '@jest/globals';
import { resolve } from 'node:path';
import { guardedServices, services } from '../system/services.js';
import { readArguments } from './arguments.js';
import { defaultStateDir } from './state-dir.js';

const { name } = guardedServices[0]!;
const names = services.map((row) => row.name);
const verifiers = names.filter((each) => each !== 'auth');

describe('the arguments of npm start and npm run dev', () => {
  const read = (line: string) => readArguments('npm start', line.split(' ').filter(Boolean));

  it('have defaults', () => {
    expect(read('')).toEqual({
      portBase: 3000,
      stateDir: defaultStateDir,
      encryptTokensFor: [],
      without: [],
    });
  });

  it('an option for services can be given several times', () => {
    const line = `--port-base 4000 --state-dir here --encrypt-tokens-for ${name} --without auth --without ${name}`;
    expect(read(line)).toEqual({
      portBase: 4000,
      stateDir: resolve('here'),
      encryptTokensFor: [name],
      without: ['auth', name],
    });
  });

  it.each([
    ['--port-base 80', '--port-base must be a number from 1024 to 65000'],
    ['--port-base 0x1000', '--port-base must be a number from 1024 to 65000'],
    [
      '--without no-service',
      `--without no-service: there is no such service. It must be one of ${names.join(', ')};`,
    ],
    [`--without ${name} --without ${name}`, `--without ${name} is given twice`],
    [
      '--encrypt-tokens-for auth',
      `--encrypt-tokens-for auth: there is no such service. It must be one of ${verifiers.join(', ')};`,
    ],
    ['--without', "Option '--without <value>' argument missing"],
    ['here', "Unexpected argument 'here'"],
  ])('%s is refused', (line, message) => {
    expect(() => read(line)).toThrow(
      expect.objectContaining({
        code: 'bad_argument',
        message: expect.stringMatching(new RegExp(`^${message}[^]*Usage: npm start \\[-- --port-base 3000`)),
      }),
    );
  });
});
