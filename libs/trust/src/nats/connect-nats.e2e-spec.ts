import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer as createServerKey, createUser, type KeyPair } from '@nats-io/nkeys';
import type { TestNats } from '#testing';
import { eventually, freePort, startTestNats } from '#testing';
import { connectNats, type NatsChange, type NatsLink, type NatsOptions } from './connect-nats.js';

/** What a setting is that nobody has set, in a program that TypeScript believes. */
const missing = undefined as unknown as string;
const seedOf = (key: KeyPair) => new TextDecoder().decode(key.getSeed());

let server: TestNats;
let link: NatsLink | undefined;
let messages: string[] = [];
let events: unknown[] = [];
const log = ({ message, event }: NatsChange) => {
  messages.push(message);
  if (event !== undefined) events.push(event);
};

beforeAll(async () => {
  server = await startTestNats();
});
afterEach(async () => {
  await link?.close();
  await server.start();
  messages = [];
  events = [];
});
afterAll(() => server.close());

const open = (over: Partial<NatsOptions> = {}) =>
  (link = connectNats({
    servers: server.url,
    nkeySeed: server.nkeySeed('orders'),
    service: 'orders',
    log,
    ...over,
  }));

describe('connectNats', () => {
  it('connects with the nkey of its account', async () => {
    const { connection, firstAttempt, state } = open();
    const connected = await connection;
    await connected.flush();
    expect(await firstAttempt).toBe(true);
    expect(state()).toBe('connected');
    expect(messages).toEqual(['NATS connected']);
  });

  it('returns at once when the server is away, says so once, and connects when it is there', async () => {
    await server.stop();
    const { connection, firstAttempt, state } = open();
    expect(state()).toBe('connecting');
    expect(await firstAttempt).toBe(false);
    await eventually(() => messages.length > 0);
    await server.start();
    await (await connection).flush();
    expect(messages).toEqual([
      expect.stringMatching(/^NATS cannot be reached; still trying: .*refused/i),
      'NATS connected',
    ]);
  });

  it('notices a loss, comes back by itself, and keeps its subscriptions', async () => {
    const { connection, state } = open();
    const connected = await connection;
    const subscription = connected.subscribe('_INBOX_orders.test');
    await server.stop();
    await eventually(() => state() === 'disconnected');
    await server.start();
    await eventually(() => state() === 'connected');
    expect(subscription.isClosed()).toBe(false);
    expect(messages).toEqual(['NATS connected', 'NATS connection lost', 'NATS connection restored']);
    expect(events).toEqual(['nats.connected', 'nats.lost', 'nats.restored']);
  });

  it('keeps trying with an nkey that is refused', async () => {
    const { state } = open({ nkeySeed: seedOf(createUser()) });
    await eventually(() => messages.length > 0);
    expect(messages).toEqual(['NATS cannot be reached; still trying: Authorization Violation']);
    expect(state()).toBe('connecting');
  });

  it.each([
    ['no address', { servers: missing }, 'servers is missing: the address of NATS'],
    ['an empty address', { servers: '' }, 'servers is missing: the address of NATS'],
    ['an address without a scheme', { servers: '127.0.0.1:4222' }, 'servers not allowed. Expected: nats://'],
    [
      'an address of something else',
      { servers: ['nats://a:1', 'ws://a:2'] },
      'servers not allowed. Expected: nats://',
    ],
    ['no addresses', { servers: [] }, 'servers is missing: the address of NATS'],
    ['no seed in the environment', { nkeySeed: missing }, 'nkeySeed is not the seed of an nkey (SU…)'],
    [
      'a seed of a server',
      { nkeySeed: seedOf(createServerKey()) },
      'nkeySeed is not the seed of an nkey (SU…)',
    ],
    ['a seed that is none', { nkeySeed: 'SUAB' }, 'nkeySeed is not the seed of an nkey'],
    ['no seed', { nkeySeed: '' }, 'nkeySeed is not the seed of an nkey'],
    ['a service with a dot', { service: 'a.b' }, 'service not allowed. Expected: letters, digits, _ and -'],
    [
      'an instance with a space',
      { instance: 'a b' },
      'instance not allowed. Expected: letters, digits, _ and -',
    ],
    [
      'no service in the environment',
      { service: missing },
      'service not allowed. Expected: letters, digits, _ and -',
    ],
    ['an empty service', { service: '' }, 'service not allowed. Expected: letters, digits, _ and -'],
  ])('refuses %s at once', (_, over, message) => {
    expect(() => open(over)).toThrow(message);
  });

  it('takes a seed with the end of its line', async () => {
    await open({ nkeySeed: `${server.nkeySeed('orders')}\n` }).connection;
    expect(messages).toEqual(['NATS connected']);
  });

  it('is connected although the log throws', async () => {
    const broken = () => {
      throw new Error('the log is full');
    };
    const { connection, state } = open({ log: broken });
    await connection;
    expect(state()).toBe('connected');
  });

  it('quotes no value that it refuses, because somebody may have mixed up the settings', () => {
    const seed = server.nkeySeed('orders');
    expect(() => open({ service: ` ${seed}` })).toThrow(
      /^service not allowed\. Expected: letters, digits, _ and -$/,
    );
  });

  it.each(['tls:', 'TLS:', ' tls:'])('does not connect without TLS if its URL says %j', async (scheme) => {
    const { state } = open({ servers: server.url.replace(/^nats:/, scheme) });
    await eventually(() => messages.length > 0);
    expect(messages[0]).toMatch(/tls/i);
    expect(state()).toBe('connecting');
  });

  it('closes in a bounded time when it never connected, and tells who waits', async () => {
    const { connection, state, close } = open({ servers: `nats://127.0.0.1:${await freePort()}` });
    await eventually(() => messages.length > 0);
    await close();
    await close();
    expect(state()).toBe('closed');
    await expect(connection).rejects.toThrow('closed before');
  });

  it('keeps no socket of an attempt that timed out, and none after it is closed', async () => {
    let accepted = 0;
    const sockets = new Set<Socket>();
    // Like a frozen server: the operating system accepts the connection, and the server sends nothing.
    const frozen = createServer((socket) => {
      accepted += 1;
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    });
    await new Promise<void>((listening) => frozen.listen(0, '127.0.0.1', listening));
    try {
      const { close } = open({ servers: `nats://127.0.0.1:${(frozen.address() as AddressInfo).port}` });
      await eventually(() => accepted === 2);
      await eventually(() => sockets.size === 1);
      await close();
      await eventually(() => sockets.size === 0);
    } finally {
      for (const socket of sockets) socket.destroy();
      frozen.close();
    }
  });

  it('does not say that it is connected, when it was closed while it connected', async () => {
    const slow = createServer((socket) => {
      socket.write('INFO {"server_id":"slow","version":"2.14.0","max_payload":1048576,"headers":true}\r\n');
      socket
        .on('error', () => undefined)
        .on('data', (sent) => {
          if (sent.includes('PING')) setTimeout(() => socket.write('PONG\r\n'), 300);
        });
    });
    await new Promise<void>((listening) => slow.listen(0, '127.0.0.1', listening));
    try {
      const { close, connection, state } = open({
        servers: `nats://127.0.0.1:${(slow.address() as AddressInfo).port}`,
      });
      await close();
      expect((await connection).isClosed()).toBe(true);
      expect(state()).toBe('closed');
      expect(messages).toEqual([]);
    } finally {
      slow.close();
    }
  });

  it('closes in a bounded time when the server went away', async () => {
    const { connection, state, close } = open();
    const connected = await connection;
    await server.stop();
    await eventually(() => state() === 'disconnected');
    await close();
    expect(connected.isClosed()).toBe(true);
  });

  it('sends what was published before it closes', async () => {
    const auth = open({ nkeySeed: server.nkeySeed('auth'), service: 'auth' });
    const received: string[] = [];
    const authConnection = await auth.connection;
    authConnection.subscribe('trust.ack.>', {
      callback: (_error, message) => void received.push(message.subject),
    });
    await authConnection.flush();
    const orders = open();
    (await orders.connection).publish('trust.ack.orders.one');
    await orders.close();
    await eventually(() => received.includes('trust.ack.orders.one'));
    await auth.close();
  });
});
