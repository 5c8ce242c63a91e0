import { describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { assertPortsFree, freePort, freePortBase, isPortFree } from './ports.js';

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

describe('ports', () => {
  it('accepts free ports', async () => {
    const base = await freePortBase([0, 1]);
    await assertPortsFree([
      { name: 'auth', port: base },
      { name: 'orders', port: base + 1 },
    ]);
  });

  it.each(['127.0.0.1', '0.0.0.0', ...(hasIpv6 ? ['::1'] : [])])(
    'names a port on which another program listens at %s, and says what to do',
    async (host) => {
      const port = await freePort();
      const server = await listen(port, host);
      await expect(assertPortsFree([{ name: 'orders', port }])).rejects.toMatchObject({
        code: 'port_in_use',
        message: `Port ${port} (orders) is in use by another program. Stop it, or start Signet on other ports: npm start -- --port-base 4000`,
      });
      await new Promise((closed) => server.close(closed));
      expect(await isPortFree(port)).toBe(true);
    },
  );

  it('names all ports that are taken', async () => {
    const base = await freePortBase([0, 1]);
    const servers = [await listen(base, '127.0.0.1'), await listen(base + 1, '127.0.0.1')];
    const claims = [
      { name: 'auth', port: base },
      { name: 'nats', port: base + 1 },
    ];
    await expect(assertPortsFree(claims)).rejects.toThrow(
      `Ports ${base} (auth), ${base + 1} (nats) are in use`,
    );
    for (const server of servers) server.close();
  });
});

async function listen(port: number, host: string): Promise<Server> {
  const server = createServer();
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(port, host, listening);
  });
  return server;
}
