import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardedServices, services as rows } from '../system/services.js';
import { readArguments } from './arguments.js';
import { compositionEnvironments, environmentsInFiles } from './environments.js';

const { name: service } = guardedServices[0]!;
const names = rows.map(({ name }) => name);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'test-doctor-environments-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('environment files', () => {
  it('are put together, and the later value counts', () => {
    const common = write('common.env', 'ISSUER=https://auth.shop.example\nLOG_LEVEL=debug\n');
    const own = write('auth.env', '# of auth\nLOG_LEVEL="info"\n');
    const { services, filesAreHere } = environmentsInFiles([
      `auth=${common}`,
      `${service}=${common}`,
      `auth=${own}`,
    ]);
    expect(services).toEqual({
      auth: { ISSUER: 'https://auth.shop.example', LOG_LEVEL: 'info' },
      [service]: { ISSUER: 'https://auth.shop.example', LOG_LEVEL: 'debug' },
    });
    expect(filesAreHere).toBe(true);
  });

  it.each([
    ['a path alone', '/etc/auth.env', 'Expected: a service and a file'],
    ['no file', 'auth=', 'Expected: a service and a file'],
    ['another service', 'no-service=/etc/no-service.env', 'Expected: a service and a file'],
    ['a file that is not there', 'auth=/nowhere/auth.env', '/nowhere/auth.env cannot be read (ENOENT)'],
  ])('are refused: %s', (_what, argument, message) => {
    expect(() => environmentsInFiles([argument])).toThrow(message);
  });
});

describe('a composition', () => {
  it('has the environment, the replicas and the published ports of its containers', () => {
    const file = write(
      'composition.json',
      JSON.stringify({
        name: 'signet',
        services: {
          auth: {
            environment: { ISSUER: 'https://auth.shop.example', EMPTY: null },
            deploy: { replicas: 2 },
          },
          'seed-auth': { environment: { DEMO_DATA: 'true', DATABASE_USER: 'auth' } },
          [service]: { environment: {} },
          proxy: { ports: [{ host_ip: '127.0.0.1', target: 3000, published: '3000', protocol: 'tcp' }] },
          redis: { ports: [{ target: 6379, published: '6379' }] },
        },
      }),
    );
    expect(compositionEnvironments(file)).toEqual({
      title: `The composition, with auth, ${service}.`,
      services: {
        auth: { ISSUER: 'https://auth.shop.example', EMPTY: '', DEMO_DATA: 'true' },
        [service]: {},
      },
      replicas: { auth: 2, [service]: 1 },
      published: [
        { container: 'proxy', port: '127.0.0.1:3000' },
        { container: 'redis', port: '0.0.0.0:6379' },
      ],
      filesAreHere: false,
    });
  });

  it.each([
    ['YAML', 'services:\n  auth: {}\n', 'Expected: the output of docker compose config --format json'],
    ['a list', '[]', 'Expected: the output of docker compose config --format json'],
    ['no container', '{"services":{"auth":null}}', 'Expected: the output of docker compose config'],
    ['another system', '{"services":{"web":{}}}', `it has none of the services ${names.join(', ')}`],
    ['no system', '{"services":{}}', `it has none of the services ${names.join(', ')}`],
  ])('is refused if it is %s', (_what, content, message) => {
    expect(() => compositionEnvironments(write('bad', content))).toThrow(message);
  });
});

describe('the command line', () => {
  it.each([
    [['auth', service], 'Only one source can be examined at a time'],
    [['auth', '--env', 'auth=x'], 'Only one source can be examined at a time'],
    [['--accept', 'everything'], '--accept everything: there is no such rule'],
    [['--node', '24'], '--node 24: Expected: a version such as 24.21.0'],
    [['--colour'], "Unknown option '--colour'"],
  ])('is refused: %j', (args, message) => {
    expect(() => readArguments(args, {})).toThrow(message);
    expect(() => readArguments(args, {})).toThrow('Usage: npm run doctor');
  });

  it('names the rules that are accepted, and the Node that is judged', () => {
    const given = readArguments(
      ['--accept', 'node-version', '--accept', 'log-level', '--node', '24.21.0'],
      {},
    );
    expect(given).toMatchObject({ accepted: ['node-version', 'log-level'], nodeVersion: '24.21.0' });
    expect(readArguments([], {})).toMatchObject({ accepted: [], nodeVersion: process.versions.node });
  });

  it('can name a service, whose environment is that of this process', () => {
    const { environments } = readArguments([service], { ISSUER: 'https://auth.shop.example' });
    expect(environments().services).toEqual({ [service]: { ISSUER: 'https://auth.shop.example' } });
    expect(readArguments(['no-service'], {}).environments).toThrow('There is no service no-service');
  });
});
