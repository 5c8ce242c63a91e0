import { describe, expect, it } from '@jest/globals';
import { network } from './network.js';

describe('network', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['0000:0000:0000:0000:0000:ffff:c000:0207', '192.0.2.7'],
    ['::ffff:192.0.2.7%eth0', '192.0.2.7'],
    ['::ffff:0.0.0.1', '0.0.0.1'],
    ['::ffff:255.255.255.255', '255.255.255.255'],
  ])('counts IPv4 %s as %s', (address, counted) => {
    expect(network(address)).toBe(counted);
  });

  it.each([
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:DB8:0001:2:ffff:ffff:ffff:ffff', '2001:db8:1:2'],
    ['2001:db8:1:2::192.0.2.7', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:db8:0:0:1::1', '2001:db8:0:0'],
    ['2001:db8::1:0:0:1', '2001:db8:0:0'],
    ['2001::5:6:7:8:9', '2001:0:0:5'],
    ['1::', '1:0:0:0'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['fe80::2%1', 'fe80:0:0:0'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0'],
  ])('counts IPv6 %s as its /64 %s', (address, counted) => {
    expect(network(address)).toBe(counted);
  });

  it('keeps neighbours apart', () => {
    expect(network('2001:db8:1:3::9')).not.toBe(network('2001:db8:1:2::9'));
    expect(network('::ffff:192.0.2.8')).not.toBe(network('::ffff:192.0.2.7'));
  });
});
