import { isIPv4, isIPv6 } from 'node:net';

/**
 * The key under which an address is counted. It is the same for all spellings of an address. For IPv4, also in its
 * IPv6-mapped form, it is the address. For IPv6 it is the /64 prefix, because one client usually owns all addresses of
 * it. For any other text it is always `unknown`, so an attacker gains nothing by other texts.
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
