/** Acknowledgements are unsigned: whatever one service sends, the worst is that a rotation is delayed. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ackSubject } from '#statements';
import { eventually, startTestNats, type TestNats } from '#testing';
import { connectNats, type NatsLink } from '#trust/nats';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

const COUNTED_SECONDS = 3;

let nats: TestNats;
let auth: AuthFixture;
let verifiers: VerifierFixture[];
let attacker: NatsLink;
let admin: string;

const manage = (method: string, path: string, body?: unknown) =>
  auth.send(method, `/admin${path}`, { token: admin, ...(body !== undefined && { body }) });
const counted = async (service: string) =>
  ((await manage('GET', '/verifiers')).body.verifiers as { service: string }[]).filter(
    (verifier) => verifier.service === service,
  ).length;
const refused = async () => (await manage('GET', '/verifiers')).body.refused as Record<string, number>;

beforeAll(async () => {
  nats = await startTestNats();
  auth = await startAuth({
    nats,
    settings: { countedSeconds: COUNTED_SECONDS, statementIntervalSeconds: 1, accessTokenSeconds: 60 },
  });
  admin = await auth.login('admin');
  verifiers = ['orders', 'inventory'].map((service) => startVerifier(auth.settings, nats, { service }));
  attacker = connectNats({
    servers: nats.url,
    nkeySeed: nats.nkeySeed('orders'),
    service: 'orders',
    instance: 'attacker',
  });
  // auth knows all verifiers when it has listened for as long as one counts.
  const patiently = { timeoutMs: COUNTED_SECONDS * 1_000 + 15_000 };
  await eventually(async () => (await manage('GET', '/verifiers')).body.complete === true, patiently);
  await eventually(
    async () => (await counted('orders')) === 1 && (await counted('inventory')) === 1,
    patiently,
  );
});
/** Ends what a failed test left going. */
const onTestEnd: (() => void)[] = [];
afterAll(async () => {
  for (const end of onTestEnd) end();
  await attacker?.close();
  await Promise.all((verifiers ?? []).map((verifier) => verifier.stop()));
  await auth?.close();
  await nats?.close();
});

/** Sends as one of orders' instances. */
async function send(instance: string, data: string): Promise<void> {
  (await attacker.connection).publish(ackSubject('orders', instance), data);
}
const ack = (facts: object) => JSON.stringify({ epoch: 1, kids: [], pins: [], at: Date.now(), ...facts });

describe('a service that lies', () => {
  it('is refused and counted by reason; nothing of it is kept', async () => {
    await send('liar', ack({ epoch: 1e9 }));
    await send('liar', 'not json');
    await send('liar', ack({ kids: ['\u0000'] }));
    await send('liar', ack({ kids: ['\ud800'] }));
    await send('liar', ack({ filler: 'x'.repeat(200_000) }));
    await eventually(async () => {
      expect(await refused()).toMatchObject({ malformed: 3, too_large: 1, future_epoch: expect.any(Number) });
    });
    expect(await counted('orders')).toBe(1);
    expect(auth.logged()).not.toContain('acknowledgements could not be saved');
  });

  it('cannot speak for another service', async () => {
    const connection = await attacker.connection;
    connection.publish(ackSubject('inventory', 'liar'), ack({}));
    await connection.flush();
    await send('marker', ack({}));
    await eventually(async () => (await counted('orders')) === 2);
    expect(await counted('inventory')).toBe(1);
  });
});

describe('a flood of instances while a rotation goes on', () => {
  it('delays it and does nothing else: few are counted, tokens are good, and it ends when the flood does', async () => {
    const flood = new AbortController();
    onTestEnd.push(() => flood.abort());
    let sent = 0;
    const flooding = (async () => {
      const connection = await attacker.connection;
      while (!flood.signal.aborted) {
        for (let i = 0; i < 200; i += 1)
          connection.publish(ackSubject('orders', `fake-${(sent += 1)}`), ack({}));
        await connection.flush();
        // Thousands a second, all in this one process.
        await delay(20);
      }
    })();
    await eventually(async () => (await counted('orders')) === 64);
    const rotated = manage('POST', '/keys/rotate', {});
    await eventually(async () => (await manage('GET', '/keys')).body.rotation?.waitingFor.length >= 60);
    // Auth answers, tokens are good everywhere, and nobody else is displaced.
    for (let i = 0; i < 5; i += 1) {
      expect(verifiers[0]!.judge(await auth.login())).toMatchObject({ aud: 'orders' });
      expect(await counted('orders')).toBeLessThanOrEqual(64);
      expect(await counted('inventory')).toBe(1);
    }
    expect((await manage('GET', '/keys')).body.rotation).not.toBeNull();
    flood.abort();
    await flooding;
    expect(sent).toBeGreaterThan(1_000);
    const { status, body } = await rotated;
    expect([200, 202]).toContain(status);
    await eventually(async () => (await manage('GET', '/keys')).body.rotation === null, {
      timeoutMs: 10_000,
    });
    const { keys } = (await manage('GET', '/keys')).body;
    expect(keys.map(({ kid }: { kid: string }) => kid)).toContain(body.kid);
    expect(verifiers[0]!.judge(await auth.login())).toMatchObject({ aud: 'orders' });
  }, 40_000);

  it('leaves few rows behind, and then none', async () => {
    const rows = async () =>
      Number((await auth.owner.query(`SELECT count(*) FROM verifier WHERE service = 'orders'`))[0].count);
    // Those of the last moment, and those whose place they took.
    expect(await rows()).toBeLessThanOrEqual(2 * 64);
    await eventually(async () => (await rows()) === 1, { timeoutMs: 10_000 });
  }, 20_000);
});
