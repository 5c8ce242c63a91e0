/** Whether a host is on this machine, or on a private network. Decided by the name or address alone: nothing is looked up. */
import { BlockList, isIP } from 'node:net';

const loopback = addresses(['127.0.0.0/8', '::1/128', '0.0.0.0/32', '::/128']);
const privateRanges = addresses([
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10'],
  ...['fc00::/7', 'fe80::/10'],
]);
/** RFC 6761, 6762, 8375, ICANN's `.internal`, and Kubernetes. */
const privateNames = /(^|\.)(localhost|local|internal|lan|home\.arpa|svc)$/i;

/** True for localhost and the addresses of this machine. */
export function isLocalHost(host: string): boolean {
  const name = bare(host);
  return isIP(name) === 0 ? /(^|\.)localhost$/i.test(name) : isIn(loopback, name);
}

/** True for a host that cannot be reached over the internet: a private address, a single label, or a private domain. */
export function isPrivateHost(host: string): boolean {
  const name = bare(host);
  if (isIP(name) !== 0) return isIn(loopback, name) || isIn(privateRanges, name);
  return !name.includes('.') || privateNames.test(name);
}

/** The host of a URL, without the brackets of an IPv6 address. */
export function hostOf(url: string): string {
  return bare(new URL(url).hostname);
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

function addresses(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/');
    list.addSubnet(network, Number(prefix), familyOf(network));
  }
  return list;
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
