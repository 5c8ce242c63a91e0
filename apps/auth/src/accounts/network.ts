import { isIPv4, isIPv6 } from 'node:net';

/**
 * What an address is counted under, however it is spelled: an IPv4 address as it is, also where it is mapped into IPv6;
 * of an IPv6 address the /64, since whoever has one address there has all of them. Text that is no address counts as
 * one and the same: whoever makes it up gets nothing by making up more.
 */
export function network(address: string): string {
  const [plain = ''] = address.split('%');
  if (isIPv4(plain)) return plain;
  if (!isIPv6(plain)) return 'unknown';
  const full = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(full);
  if (mapped)
    return mapped
      .slice(1)
      .flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255])
      .join('.');
  const [head = '', tail] = full.split('::');
  const groups = head.split(':').filter(Boolean);
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').filter(Boolean).length;
  return [...groups, ...Array<string>(missing).fill('0'), ...(tail?.split(':') ?? [])].slice(0, 4).join(':');
}
