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
  ])('are refused: %s', (line) => {
    expect(() => readArguments(line.split(' ').filter(Boolean))).toThrow();
  });
});
