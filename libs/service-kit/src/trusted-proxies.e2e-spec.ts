/** Whose word is taken for where a request comes from: failed logins are counted by it. */
import { Controller, Get, Ip, Module } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createHttpApp } from './http-app.js';
import { httpSettings } from './setting-groups.js';

@Controller()
class AddressController {
  @Get('address')
  address(@Ip() address: string) {
    return { address };
  }
}

@Module({ controllers: [AddressController] })
class AddressModule {}

describe('trustedProxies', () => {
  let app: NestFastifyApplication | undefined;
  afterEach(() => app?.close());

  async function addressOf(trustedProxies: readonly string[], forwardedFor: string): Promise<string> {
    const settings = {
      bodyLimitBytes: 4096,
      corsAllowedOrigins: [],
      logLevel: 'silent',
      trustedProxies,
    } as const;
    app = await createHttpApp(AddressModule, { service: 'test', version: '0', settings });
    await app.listen(0, '127.0.0.1');
    const answer = await fetch(`${await app.getUrl()}/address`, {
      headers: { 'x-forwarded-for': forwardedFor },
    });
    return ((await answer.json()) as { address: string }).address;
  }

  it.each<[string, readonly string[], string, string]>([
    ['no proxy is believed by default', [], '203.0.113.7', '127.0.0.1'],
    ['a proxy that is not named is not believed', ['10.0.0.0/8'], '203.0.113.7', '127.0.0.1'],
    ['a named proxy is', ['127.0.0.1'], '203.0.113.7', '203.0.113.7'],
    [
      'of several addresses the last that no trusted proxy has counts, since a client may put others before it',
      ['loopback', 'uniquelocal'],
      '198.51.100.1, 203.0.113.7, 10.0.0.3',
      '203.0.113.7',
    ],
  ])('%s', async (_title, trustedProxies, forwardedFor, expected) => {
    expect(await addressOf(trustedProxies, forwardedFor)).toBe(expected);
  });

  it.each(['proxy', '10.0.0.0/8/8', '10.0.0.0/x', '*'])('refuses %s as an address', (text) => {
    expect(() => httpSettings.trustedProxies.read(text)).toThrow('not an address');
  });
});
