import { describe, expect, it } from '@jest/globals';
import { readArguments } from './keys-arguments.js';

describe('the arguments of npm run keys', () => {
  it.each([
    'list',
    'rotate',
    'rotate --alg RS256 --wait-for-third-parties',
    'revoke kid --reason compromised',
    'revoke kid --reason superseded --note words --standby',
    'anchor',
    'anchor --drop orders/one --drop orders/two',
    'anchor --proceed',
    'recover',
    'reseal',
    'clients',
    'disable-client orders',
    'enable-client orders',
    'client-keys file',
    'client-keys file --end-others',
    'client-keys file --end-others --at-once',
  ])('are taken: %s', (line) => {
    expect(readArguments(line.split(' ')).positionals[0]).toBe(line.split(' ')[0]);
  });

  it.each([
    '',
    'destroy',
    'list kid',
    'rotate --alg HS256',
    'rotate --proceed',
    'revoke',
    'revoke kid',
    'revoke kid --reason stolen',
    'revoke kid other --reason compromised',
    'anchor --drop orders',
    'list --drop orders/one',
    'list --unknown',
    'clients orders',
    'disable-client',
    'disable-client orders inventory',
    'client-keys',
    'client-keys file --at-once',
    'enable-client orders --end-others',
    // It is a command of npm run keys that auth has no part in.
    'rotate-client orders',
  ])('are refused: %s', (line) => {
    expect(() => readArguments(line.split(' ').filter(Boolean))).toThrow();
  });
});
