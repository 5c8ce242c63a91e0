import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type Msg, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node';
import { createUser } from '@nats-io/nkeys';
import { eventually, startTestNats, type TestNats } from '#testing';
import { natsConfig } from './nats-config.js';
import type { ServiceRow } from './services.js';
import { specServices as services } from './spec-services.js';

/** CVE-2025-30215: before 2.10.27 and 2.11.1, a client that may publish to these can change the streams of any account. */
const unguardedAdministration = [
  '$JS.API.ACCOUNT.PURGE.TRUST',
  '$JS.API.SERVER.REMOVE',
  '$JS.API.ACCOUNT.STREAM.MOVE.TRUST.REVOCATIONS',
  '$JS.API.ACCOUNT.STREAM.CANCEL_MOVE.TRUST.REVOCATIONS',
];

const keysetGet = '$JS.API.DIRECT.GET.TRUST.trust.keyset';
const revocationsGet = '$JS.API.DIRECT.GET.REVOCATIONS';

describe('the accounts of nats-server', () => {
  let server: TestNats;
  const connections: NatsConnection[] = [];
  let auth: Client;
  let orders: Client;
  let inventory: Client;

  beforeAll(async () => {
    server = await startTestNats();
    [auth, orders, inventory] = await Promise.all([client('auth'), client('orders'), client('inventory')]);
    const streams = (await jetstreamManager(auth.nc, { checkAPI: false })).streams;
    const rules = { allow_direct: true, deny_delete: true, deny_purge: true };
    await streams.add({ name: 'TRUST', subjects: ['trust.keyset'], max_msgs_per_subject: 1, ...rules });
    await streams.add({ name: 'REVOCATIONS', subjects: ['trust.revocation.>'], ...rules });
    const js = jetstream(auth.nc);
    await js.publish('trust.keyset', 'statement 1');
    for (const n of [1, 2, 3]) await js.publish(`trust.revocation.${n}`, `revocation ${n}`);
  });
  afterAll(async () => {
    await Promise.all(connections.map((nc) => nc.close()));
    await server.close();
  });

  describe('what a service may do', () => {
    it('receives a new statement and a new revocation at once', async () => {
      const statements = await listen(orders, 'trust.keyset');
      const revocations = await listen(orders, 'trust.revocation.>');
      await jetstream(auth.nc).publish('trust.keyset', 'statement 2');
      await jetstream(auth.nc).publish('trust.revocation.4', 'revocation 4');
      await eventually(() => expect(statements).toEqual(['trust.keyset: statement 2']));
      await eventually(() => expect(revocations).toEqual(['trust.revocation.4: revocation 4']));
    });

    it('fetches the last statement by direct get', async () => {
      expect((await orders.nc.request(keysetGet, '', { timeout: 2_000 })).string()).toMatch(/^statement/);
    });

    it('fetches revocations by direct get, in order and by number', async () => {
      const inOrder = await direct({ seq: 1, next_by_subj: 'trust.revocation.>' });
      expect(inOrder.string()).toBe('revocation 1');
      const byNumber = await direct({ last_by_subj: 'trust.revocation.3' });
      expect(byNumber.string()).toBe('revocation 3');
    });

    it('sends acknowledgements to auth, under its own name', async () => {
      const acknowledgements = await listen(auth, 'trust.ack.>');
      orders.nc.publish('trust.ack.orders.one', 'held');
      inventory.nc.publish('trust.ack.inventory.one', 'held');
      await eventually(() =>
        expect([...acknowledgements].sort()).toEqual([
          'trust.ack.inventory.one: held',
          'trust.ack.orders.one: held',
        ]),
      );
    });
  });

  it.each([
    'trust.keyset',
    'trust.revocation.9',
    'trust.ack.inventory.one',
    'trust.ack.auth.one',
    '_INBOX_auth.x',
    '_INBOX_inventory.x',
    '$JS.API.INFO',
    '$JS.API.STREAM.CREATE.TRUST',
    '$JS.API.STREAM.UPDATE.TRUST',
    '$JS.API.STREAM.INFO.TRUST',
    '$JS.API.STREAM.NAMES',
    '$JS.API.STREAM.PURGE.TRUST',
    '$JS.API.STREAM.DELETE.REVOCATIONS',
    '$JS.API.STREAM.MSG.GET.REVOCATIONS',
    '$JS.API.STREAM.MSG.DELETE.REVOCATIONS',
    '$JS.API.CONSUMER.CREATE.TRUST',
    '$JS.API.CONSUMER.CREATE.REVOCATIONS.mine',
    '$JS.API.CONSUMER.DURABLE.CREATE.TRUST.mine',
    '$SYS.REQ.SERVER.PING',
    ...unguardedAdministration,
  ])('orders may not publish to %s', async (subject) => {
    const heard = await listen(auth, 'trust.ack.>');
    const statements = await listen(inventory, 'trust.keyset');
    orders.refused.length = 0;
    orders.nc.publish(subject, '{}', { reply: '_INBOX_orders.answer' });
    await orders.nc.flush();
    await eventually(() =>
      expect(orders.refused).toEqual([expect.stringContaining(`Publish to "${subject}"`)]),
    );
    await Promise.all([auth.nc.flush(), inventory.nc.flush()]);
    expect([...heard, ...statements]).toEqual([]);
  });

  it.each(unguardedAdministration)(
    'auth may not publish to %s, though it makes the streams',
    async (subject) => {
      auth.refused.length = 0;
      auth.nc.publish(subject, '{}', { reply: '_INBOX_auth.answer' });
      await auth.nc.flush();
      await eventually(() =>
        expect(auth.refused).toEqual([expect.stringContaining(`Publish to "${subject}"`)]),
      );
      expect(await lastOf('TRUST', 'trust.keyset')).toMatch(/statement/);
    },
  );

  it.each([
    '_INBOX_auth.>',
    '_INBOX_inventory.>',
    '_INBOX.>',
    'trust.ack.>',
    'trust.>',
    '$JS.>',
    '$SYS.>',
    '>',
  ])('orders may not subscribe to %s', async (subject) => {
    orders.refused.length = 0;
    const subscription = orders.nc.subscribe(subject, { callback: () => undefined });
    await orders.nc.flush();
    await eventually(() =>
      expect(orders.refused).toEqual([expect.stringContaining(`Subscription to "${subject}"`)]),
    );
    expect(subscription.isClosed()).toBe(true);
  });

  it.each([
    ['trust.keyset', revocationsGet, { last_by_subj: 'trust.revocation.1' }],
    ['trust.keyset', keysetGet, ''],
    ['trust.revocation.9', revocationsGet, { last_by_subj: 'trust.revocation.1' }],
    ['trust.ack.inventory.one', revocationsGet, { last_by_subj: 'trust.revocation.1' }],
    ['_INBOX_inventory.x', keysetGet, ''],
  ])(
    'JetStream publishes nothing to %s if orders names it as the reply subject of %s',
    async (target, api, body) => {
      const before = await lastOf('TRUST', 'trust.keyset');
      const heardByAuth = await listen(auth, 'trust.ack.>');
      const heardByInventory = await listen(
        inventory,
        'trust.keyset',
        'trust.revocation.>',
        '_INBOX_inventory.>',
      );
      orders.nc.publish(api, typeof body === 'string' ? body : JSON.stringify(body), { reply: target });
      // The server answers requests in order, so the request above is done when this one is answered.
      await orders.nc.request(api, typeof body === 'string' ? body : JSON.stringify(body), {
        timeout: 2_000,
      });
      await Promise.all([auth.nc.flush(), inventory.nc.flush()]);
      expect([...heardByAuth, ...heardByInventory]).toEqual([]);
      expect(await lastOf('TRUST', 'trust.keyset')).toBe(before);
      expect((await direct({ last_by_subj: 'trust.revocation.9' })).headers?.code).toBe(404);
    },
  );

  it('refuses a client without a key, and a client with an unknown key', async () => {
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(/authorization/i);
    const stranger = nkeyAuthenticator(createUser().getSeed());
    await expect(connect({ servers: server.url, reconnect: false, authenticator: stranger })).rejects.toThrow(
      /authorization/i,
    );
  });

  it('keeps its streams after a restart, and loses them if its storage is removed', async () => {
    const other = await startTestNats();
    const asAuth = async () => {
      const { nc } = await client('auth', other);
      return { nc, manager: await jetstreamManager(nc, { checkAPI: false }) };
    };
    const first = await asAuth();
    await first.manager.streams.add({ name: 'TRUST', subjects: ['trust.keyset'], allow_direct: true });
    await jetstream(first.nc).publish('trust.keyset', 'kept');
    await first.nc.close();
    await other.stop();
    await other.start();
    const second = await asAuth();
    expect((await second.nc.request(keysetGet, '', { timeout: 2_000 })).string()).toBe('kept');
    await second.nc.close();
    await other.wipe();
    const third = await asAuth();
    await expect(third.nc.request(keysetGet, '', { timeout: 500 })).rejects.toThrow();
    await third.nc.close();
    await other.close();
  });

  it('a service that collects events gets its own account, with an export for each other service', async () => {
    const others = services.filter(({ name }) => name !== 'audit');
    const audit: ServiceRow = {
      ...services[1]!,
      name: 'audit',
      portOffset: 3,
      calls: [],
      collectsEvents: true,
    };
    const withAudit = await startTestNats({ services: [...others, audit] });
    const collector = await client('audit', withAudit);
    const sender = await client('orders', withAudit);
    const { streams } = await jetstreamManager(collector.nc, { checkAPI: false });
    await streams.add({ name: 'AUDIT', subjects: ['audit.>'] });
    await jetstream(sender.nc).publish('audit.orders.placed', '{}');
    sender.nc.publish('audit.auth.login', '{}');
    await eventually(() =>
      expect(sender.refused).toEqual([expect.stringContaining('Publish to "audit.auth.login"')]),
    );
    await Promise.all([collector.nc.close(), sender.nc.close()]);
    await withAudit.close();
  });

  it('refuses to write a configuration in which a service has no key', () => {
    const place = { listenHost: '127.0.0.1', port: 1, storeDir: '/x' };
    expect(() => natsConfig({ rows: services, publicKeys: {}, ...place })).toThrow(
      'The service auth has no public nkey.',
    );
  });

  interface Client {
    nc: NatsConnection;
    /** The errors that the server sent to this client. */
    refused: string[];
  }

  async function client(service: string, of: TestNats = server): Promise<Client> {
    const authenticator = nkeyAuthenticator(new TextEncoder().encode(of.nkeySeed(service)));
    const nc = await connect({
      servers: of.url,
      authenticator,
      inboxPrefix: `_INBOX_${service}`,
      reconnect: false,
    });
    connections.push(nc);
    const refused: string[] = [];
    void (async () => {
      for await (const status of nc.status()) if (status.type === 'error') refused.push(status.error.message);
    })();
    return { nc, refused };
  }

  async function listen({ nc }: Client, ...subjects: string[]): Promise<string[]> {
    const heard: string[] = [];
    for (const subject of subjects) {
      nc.subscribe(subject, {
        callback: (_, message) => void heard.push(`${message.subject}: ${message.string()}`),
      });
    }
    await nc.flush();
    return heard;
  }

  function direct(query: object): Promise<Msg> {
    return orders.nc.request(revocationsGet, JSON.stringify(query), { timeout: 2_000 });
  }

  async function lastOf(stream: string, subject: string): Promise<string> {
    const message = await auth.nc.request(`$JS.API.DIRECT.GET.${stream}.${subject}`, '', { timeout: 2_000 });
    return `${message.headers?.get('Nats-Sequence')} ${message.string()}`;
  }
});
