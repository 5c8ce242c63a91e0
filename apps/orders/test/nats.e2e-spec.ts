import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { REVOCATION_STREAM, REVOCATION_SUBJECTS, revocationSubject } from '#statements';
import { createTestIssuer, eventually, freePort, startTestNats, type TestNats } from '#testing';
import { startOrders, type OrdersApp } from './orders-app.js';

describe('orders fed by NATS alone', () => {
  const issuer = createTestIssuer();
  const acknowledged: { subject: string; epoch: number }[] = [];
  let nats: TestNats;
  let auth: NatsConnection;
  let app: OrdersApp;
  let folder: string;

  const start = async () =>
    startOrders({
      issuer: issuer.issuer,
      issuerFetchUrl: `http://127.0.0.1:${await freePort()}`,
      trustAnchorPublic: issuer.anchors,
      trustStatementFile: join(folder, 'last-statement.jwt'),
      natsUrl: nats.url,
      natsNkeySeed: nats.nkeySeed('orders'),
      statements: false,
    });

  beforeAll(async () => {
    nats = await startTestNats();
    const authenticator = nkeyAuthenticator(new TextEncoder().encode(nats.nkeySeed('auth')));
    auth = await connect({ servers: nats.url, authenticator, inboxPrefix: '_INBOX_auth' });
    auth.subscribe('trust.ack.>', {
      callback: (_error, message) => {
        acknowledged.push({ subject: message.subject, ...message.json<{ epoch: number }>() });
      },
    });
    await auth.flush();
    folder = await mkdtemp(join(tmpdir(), 'orders-'));
    app = await start();
  });
  afterAll(async () => {
    await app.close();
    await auth.close();
    await nats.close();
    await rm(folder, { recursive: true, force: true });
  });

  const read = () => app.send('GET', '/orders', { token: issuer.token() });

  it('judges nothing before the first statement; takes it over, acknowledges it, and judges', async () => {
    expect(await read()).toMatchObject({ status: 503, body: { code: 'trust_stale' } });
    await eventually(async () => {
      auth.publish('trust.keyset', issuer.statement());
      const { body } = await app.send('GET', '/health/ready');
      expect(body).toMatchObject({
        status: 'ready',
        checks: { nats: { status: 'up' }, trust: { status: 'up' } },
      });
    });
    expect(await read()).toMatchObject({ status: 200 });
    const { epoch } = (await app.send('GET', '/trust')).body;
    await eventually(() => {
      expect(acknowledged.at(-1)).toMatchObject({
        epoch,
        subject: expect.stringMatching(/^trust\.ack\.orders\.[\w-]+$/),
      });
    });
  });

  it('refuses a key at once when a statement without it arrives', async () => {
    const old = issuer.token();
    expect(await app.send('GET', '/orders', { token: old })).toMatchObject({ status: 200 });
    auth.publish(
      'trust.keyset',
      issuer.statement({ keys: [{ ...issuer.standby.publicJwk, status: 'active' }] }),
    );
    await eventually(async () => {
      expect(await app.send('GET', '/orders', { token: old })).toMatchObject({ status: 401 });
    });
    const fresh = issuer.token({}, { signWith: issuer.standby });
    expect(await app.send('GET', '/orders', { token: fresh })).toMatchObject({ status: 200 });
  });

  it('goes on judging when NATS is gone, and says so', async () => {
    await nats.stop();
    await eventually(async () => {
      const { status, body } = await app.send('GET', '/health/ready');
      expect({ status, nats: body.checks.nats.status }).toEqual({ status: 200, nats: 'degraded' });
    });
    const fresh = issuer.token({}, { signWith: issuer.standby });
    expect(await app.send('GET', '/orders', { token: fresh })).toMatchObject({ status: 200 });
    await nats.start();
    await eventually(async () => {
      expect((await app.send('GET', '/health/ready')).body.checks.nats.status).toBe('up');
    });
  });

  it('starts, is ready and judges while auth and NATS are away, with what it held before', async () => {
    const ended = issuer.token({ sid: 'ended' }, { signWith: issuer.standby });
    const revocation = issuer.revocation(1, { sid: 'ended' });
    // Again while NATS has only just come back.
    await eventually(async () => {
      auth.publish('trust.revocation.1', revocation);
      expect(await app.send('GET', '/orders', { token: ended })).toMatchObject({ status: 401 });
    });
    const { epoch } = (await app.send('GET', '/trust')).body;
    await nats.stop();
    await app.close();
    app = await start();
    const { status, body } = await app.send('GET', '/health/ready');
    expect({ status, nats: body.checks.nats.status, epoch: body.checks.trust.epoch }).toEqual({
      ...{ status: 200, nats: 'degraded', epoch },
    });
    const fresh = issuer.token({}, { signWith: issuer.standby });
    expect(await app.send('GET', '/orders', { token: fresh })).toMatchObject({ status: 200 });
    expect(await app.send('GET', '/orders', { token: ended })).toMatchObject({ status: 401 });
  });

  it('that starts late is not ready and judges nothing, until it has every revocation', async () => {
    await app.close();
    await nats.start();
    // Again while NATS has only just come back.
    await eventually(() => auth.flush());
    const manager = await jetstreamManager(auth, { checkAPI: false });
    await manager.streams.add({
      name: REVOCATION_STREAM,
      subjects: [REVOCATION_SUBJECTS],
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
    });
    const revoke = (n: number) =>
      auth.request(revocationSubject(n), issuer.revocation(n, { sid: `ended-${n}` }), { timeout: 2_000 });
    const revocations = { from: 2, to: 601 };
    for (let n = revocations.from; n < revocations.to; n += 1) await revoke(n);
    app = await start();
    await eventually(async () => {
      auth.publish('trust.keyset', issuer.statement({ revocations }));
      expect((await app.send('GET', '/trust')).body.revocations).toMatchObject({
        ...revocations,
        missing: 1,
      });
    });
    const ready = async () => {
      const { status, body } = await app.send('GET', '/health/ready');
      return { status, reason: body.checks.trust.reason };
    };
    expect(await ready()).toEqual({ status: 503, reason: 'revocations_incomplete' });
    expect(await read()).toMatchObject({ status: 503, body: { code: 'trust_stale' } });
    await revoke(revocations.to);
    await eventually(async () => expect(await ready()).toEqual({ status: 200, reason: undefined }));
    expect(await read()).toMatchObject({ status: 200 });
    for (const n of [revocations.from, revocations.to]) {
      const ended = issuer.token({ sid: `ended-${n}` });
      expect(await app.send('GET', '/orders', { token: ended })).toMatchObject({ status: 401 });
    }
  });
});
