/** Who keeps auth from signing with its next trust anchor, and what ends that. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readAnchor } from '#statements';
import { eventually, startTestNats, type TestNats } from '#testing';
import { NOBODY_HEARD, NOT_HEARD_YET } from '../src/rotation/anchor-exchange.js';
import { AnchorExchangeService } from '../src/rotation/anchor-exchange.service.js';
import { anchorOf } from '../src/anchor/own-statement.js';
import { anchorPair, startAuth, type AuthFixture } from './auth-fixture.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

const COUNTED_SECONDS = 2;
const [old, next] = [anchorPair(), anchorPair()];
const [oldKid, nextKid] = [old, next].map(({ public: pem }) => readAnchor(pem).thumbprint) as [
  string,
  string,
];
const bothPins = [old.public, next.public];

let nats: TestNats;
let auth: AuthFixture;
let admin: string;
const verifiers: VerifierFixture[] = [];

beforeAll(async () => {
  nats = await startTestNats();
});
beforeEach(async () => {
  auth = await startAuth({
    nats,
    settings: {
      ...{ trustAnchorPrivate: [old.private, next.private], trustAnchorPublic: bothPins },
      ...{ countedSeconds: COUNTED_SECONDS, statementIntervalSeconds: 1 },
    },
  });
  admin = await auth.login('admin');
});
afterEach(async () => {
  await Promise.all(verifiers.splice(0).map((verifier) => verifier.stop()));
  await auth?.close();
  // The next one begins with epoch 1 again.
  await nats.wipe();
});
afterAll(() => nats?.close());

const exchange = async () =>
  (await auth.send('GET', '/admin/verifiers', { token: admin })).body.anchorExchange as {
    next: string;
    waitingFor: string[];
  } | null;
const signer = async () => anchorOf((await auth.send('GET', '/.well-known/keyset')).text);
const waitsFor = (...names: string[]) =>
  eventually(async () => expect((await exchange())?.waitingFor).toEqual(names), { timeoutMs: 10_000 });
/** Waits until auth has made that many statements more: it has decided as often. */
async function rounds(count: number): Promise<void> {
  const epoch = async () => (await auth.send('GET', '/admin/keys', { token: admin })).body.epoch as number;
  const until = (await epoch()) + count;
  await eventually(async () => (await epoch()) >= until, { timeoutMs: 15_000 });
}
const goneOver = () => eventually(async () => (await signer()) === nextKid, { timeoutMs: 10_000 });

function start(instance: string, pins: string[]): VerifierFixture {
  const verifier = startVerifier({ ...auth.settings, trustAnchorPublic: pins }, nats, {
    instance,
    fetchUrl: auth.url,
  });
  verifiers.push(verifier);
  return verifier;
}

describe('an anchor exchange', () => {
  it('waits for the operator where no verifier but auth is heard of', async () => {
    await waitsFor(NOBODY_HEARD);
    await rounds(3);
    expect(await signer()).toBe(oldKid);
    expect(await auth.app.get(AnchorExchangeService, { strict: false }).proceed()).toBe(nextKid);
    expect(await signer()).toBe(nextKid);
    expect(await exchange()).toBeNull();
  });

  it('waits for a verifier that is cut off from NATS, longer than a rotation counts it', async () => {
    const cutOff = start('cut-off', [old.public]);
    await waitsFor('orders/cut-off');
    await cutOff.link.close();
    start('other', bothPins);
    await eventually(
      async () => {
        const { body } = await auth.send('GET', '/admin/verifiers', { token: admin });
        const counted = body.verifiers.map(({ instance }: { instance: string }) => instance);
        expect(counted).toContain('other');
        expect(counted).not.toContain('cut-off');
      },
      { timeoutMs: 10_000 },
    );
    await rounds(2);
    expect(await signer()).toBe(oldKid);
    expect((await exchange())?.waitingFor).toEqual(['orders/cut-off']);
    // Fed over HTTP, it would refuse every statement of the next anchor.
    expect(cutOff.ring.facts().pin).toBe(oldKid);
    await auth.app
      .get(AnchorExchangeService, { strict: false })
      .drop({ service: 'orders', instance: 'cut-off' });
    await goneOver();
  }, 40_000);

  it('waits no more for a verifier that said goodbye, and a restart blocks nothing', async () => {
    const before = start('before', [old.public]);
    await waitsFor('orders/before');
    await before.stop();
    start('after', bothPins);
    const begun = performance.now();
    await goneOver();
    expect(performance.now() - begun).toBeLessThan(10_000);
    const rows = await auth.owner.query(`SELECT instance FROM verifier_pins WHERE service = 'orders'`);
    expect(rows).toEqual([{ instance: 'after' }]);
  }, 30_000);

  it('waits while NATS is away, and until everyone has had the time to be heard after it', async () => {
    start('one', [old.public]);
    await waitsFor('orders/one');
    await nats.stop();
    await auth.owner.query(`UPDATE verifier_pins SET pins = pins || jsonb_build_array($1::text)`, [nextKid]);
    await eventually(async () => (await exchange())?.waitingFor.at(-1) === NOT_HEARD_YET);
    await rounds(2);
    expect(await signer()).toBe(oldKid);
    await nats.start();
    await waitsFor('orders/one');
    expect(await signer()).toBe(oldKid);
  }, 40_000);

  it('waits for no replica of auth that has stopped', async () => {
    const replica = await auth.replica({
      trustAnchorPrivate: [old.private],
      trustAnchorPublic: [old.public],
    });
    start('one', bothPins);
    await eventually(
      async () => (await exchange())?.waitingFor.some((name) => name.startsWith('auth/')) === true,
    );
    await replica.close();
    await goneOver();
    const rows = await auth.owner.query(`SELECT pins FROM verifier_pins WHERE service = 'auth'`);
    expect(rows).toEqual([{ pins: [oldKid, nextKid] }]);
    // The last one has nobody to hear it.
    await auth.first.close();
    expect(await auth.owner.query(`SELECT FROM verifier_pins WHERE service = 'auth'`)).toEqual([]);
  }, 30_000);
});
