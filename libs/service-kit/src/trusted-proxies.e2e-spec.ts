/** Which proxies are believed about the address of a client. Logins and registrations are counted by this address. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { type CanActivate, Controller, type ExecutionContext, Get, Module, UseGuards } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { ClientAddress } from './client-address.js';
import { createHttpApp } from './http-app.js';

let lateAddress!: (address: unknown) => void;

class UntilClosed implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { socket } = context.switchToHttp().getRequest<FastifyRequest>().raw;
    if (!socket.destroyed) await once(socket, 'close');
    return true;
  }
}

@Controller()
class AddressController {
  @Get('address')
  address(@ClientAddress() address: string) {
    return { address };
  }

  @Get('late')
  @UseGuards(UntilClosed)
  late(@ClientAddress() address: string) {
    lateAddress(address);
  }
}

@Module({ controllers: [AddressController] })
class AddressModule {}

describe('trustedProxies', () => {
  let app: NestFastifyApplication | undefined;
  afterEach(() => app?.close());

  async function start(trustedProxies: readonly string[]): Promise<string> {
    const settings = {
      bodyLimitBytes: 4096,
      corsAllowedOrigins: [],
      logLevel: 'silent',
      trustedProxies,
    } as const;
    app = await createHttpApp(AddressModule, { service: 'test', version: '0', settings });
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  }

  async function addressOf(trustedProxies: readonly string[], forwardedFor: string): Promise<string> {
    const url = await start(trustedProxies);
    const answer = await fetch(`${url}/address`, { headers: { 'x-forwarded-for': forwardedFor } });
    return ((await answer.json()) as { address: string }).address;
  }

  it.each<[string, readonly string[], string, string]>([
    ['no proxy is believed by default', [], '203.0.113.7', '127.0.0.1'],
    ['a proxy that is not named is not believed', ['10.0.0.0/8'], '203.0.113.7', '127.0.0.1'],
    ['a named proxy is', ['127.0.0.1'], '203.0.113.7', '203.0.113.7'],
    ['an IPv6 address counts as well', ['127.0.0.1'], '2001:db8::7', '2001:db8::7'],
    [
      'of several addresses the last that no trusted proxy has counts, since a client may put others before it',
      ['loopback', 'uniquelocal'],
      '198.51.100.1, 203.0.113.7, 10.0.0.3',
      '203.0.113.7',
    ],
  ])('%s', async (_title, trustedProxies, forwardedFor, expected) => {
    expect(await addressOf(trustedProxies, forwardedFor)).toBe(expected);
  });

  it.each<[string, string]>([
    ['127.0.0.1', 'unknown'],
    ['127.0.0.1', '_hidden'],
    ['127.0.0.1', '203.0.113.7:4711'],
    ['127.0.0.1', '203.0.113.7, 999.0.0.1'],
    ['10.0.0.3', '203.0.113.7, nonsense, 10.0.0.3'],
    ['127.0.0.1', ','],
    ['127.0.0.1', 'x'.repeat(255)],
  ])(
    'text that is no address counts as the proxy %s that passed it on: %s',
    async (expected, forwardedFor) => {
      expect(await addressOf(['loopback', 'uniquelocal'], forwardedFor)).toBe(expected);
    },
  );

  it.each([[[]], [['loopback']]])('the address outlives its connection, with proxies %j', async (proxies) => {
    const { port } = new URL(await start(proxies));
    const late = new Promise((resolve) => (lateAddress = resolve));
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('GET /late HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'connect');
    // After the request has arrived, the guard waits until the connection has ended.
    socket.end();
    expect(await late).toBe('127.0.0.1');
  });
});
