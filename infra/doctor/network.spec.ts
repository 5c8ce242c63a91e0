import { describe, expect, it } from '@jest/globals';
import { hostOf, isLocalHost, isPrivateHost } from './network.js';

describe('a host', () => {
  it.each([
    'localhost',
    'app.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '[::1]',
    '0.0.0.0',
    '::',
    'localhost.',
  ])('%s is this machine, and private', (host) => {
    expect([isLocalHost(host), isPrivateHost(host)]).toEqual([true, true]);
  });

  it.each([
    ...['10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.1.1', '100.64.0.1', 'fd00::1', '[fe80::1]'],
    ...['nats', 'orders-database', 'db.internal', 'postgres.data.svc', 'nats.default.svc.cluster.local'],
  ])('%s is private, and not this machine', (host) => {
    expect([isLocalHost(host), isPrivateHost(host)]).toEqual([false, true]);
  });

  it.each([
    ...['198.51.100.7', '172.32.0.1', '11.0.0.1', '100.128.0.1', '2001:db8::1', '::ffff:198.51.100.7'],
    ...['db.shop.example', 'internal.example', 'localhost.example', 'notlocalhost.com', 'svc.io'],
  ])('%s is public', (host) => {
    expect([isLocalHost(host), isPrivateHost(host)]).toEqual([false, false]);
  });

  it('is read from a URL, without the login', () => {
    expect(hostOf('nats://user:password@[::1]:4222')).toBe('::1');
    expect(hostOf('https://auth.shop.example:8443/path')).toBe('auth.shop.example');
  });
});
