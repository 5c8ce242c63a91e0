/** The ways a statement takes, each of them cut: what goes on, what stops and when, and that all of it mends itself. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { KEYSET_DIRECT_GET } from '#statements';
import { eventually, startTestNats, type TestNats } from '#testing';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { openGate, type TcpGate } from './tcp-gate.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

/** A statement lives 7 s and a verifier asks for itself after 3: long enough to look at, short enough to wait for. */
const SETTINGS = {
  accessTokenSeconds: 2,
  clockSkewSeconds: 1,
  statementSeconds: 7,
  statementIntervalSeconds: 1,
  countedSeconds: 3,
};
const soon = { timeoutMs: 10_000 };
const later = { timeoutMs: 20_000 };
/** After a long absence, up to 30 s pass between two polls over HTTP. */
const withNextPoll = { timeoutMs: 40_000 };

let nats: TestNats;
let auth: AuthFixture;
/** Between auth and NATS, and between the verifiers and auth's HTTP. */
let natsGate: TcpGate;
let httpGate: TcpGate;
/** The first hears auth both ways, the second over HTTP alone. */
let verifiers: [VerifierFixture, VerifierFixture];
let account: { email: string; password: string };

/** A token as it is issued now, judged by each verifier. */
async function judged(): Promise<(string | undefined)[]> {
  const { body } = await auth.send('POST', '/auth/login', { body: account });
  return verifiers.map((verifier) => {
    const verdict = verifier.judge(body.access_token, 'orders');
    return typeof verdict === 'string' ? verdict : verdict.aud;
  });
}
const good = ['orders', 'orders'];
const freshness = () => verifiers.map(({ ring }) => ring.facts().freshness);
/** Waits for a statement that came over NATS after the call. */
const hearOverNats = async () => {
  const accepted = () => verifiers[0].ring.facts().statements.accepted.nats;
  const before = accepted();
  await eventually(() => accepted() > before, later);
};

beforeAll(async () => {
  nats = await startTestNats();
  natsGate = await openGate(Number(new URL(nats.url).port));
  // It boots without NATS.
  natsGate.shut();
  auth = await startAuth({
    nats,
    settings: { ...SETTINGS, natsUrl: `nats://127.0.0.1:${natsGate.port}` },
  });
  httpGate = await openGate(Number(new URL(auth.url).port));
  const { id: _, ...login } = await auth.account();
  account = login;
}, 30_000);

afterEach(async () => {
  await nats.start();
  natsGate.open();
  httpGate.open();
  await eventually(() => freshness().every((state) => state !== 'stale'), withNextPoll);
}, 60_000);

afterAll(async () => {
  await Promise.all((verifiers ?? []).map((verifier) => verifier.stop()));
  await auth?.close();
  await Promise.all([natsGate?.close(), httpGate?.close()]);
  await nats?.close();
});

describe('NATS', () => {
  it('is away at boot: auth serves, verifiers learn over HTTP, and all of it is on NATS once that is there', async () => {
    await nats.stop();
    const options = { fetchUrl: `http://127.0.0.1:${httpGate.port}`, confirmedSeconds: 3 };
    verifiers = [
      startVerifier(auth.settings, nats, options),
      startVerifier(auth.settings, nats, { ...options, natsUrl: 'nats://127.0.0.1:1', instance: 'two' }),
    ];
    await eventually(async () => expect(await judged()).toEqual(good), soon);
    await eventually(async () => (await auth.send('GET', '/health/ready')).body.status === 'degraded', soon);
    expect(verifiers[0].ring.facts().statements.accepted).toMatchObject({
      nats: 0,
      http: expect.any(Number),
    });
    await nats.start();
    natsGate.open();
    await eventually(() => verifiers[0].ring.facts().statements.accepted.nats > 1, later);
    expect(await judged()).toEqual(good);
  }, 40_000);

  it('goes away under traffic and comes back: nobody notices', async () => {
    await nats.stop();
    const until = Date.now() + 3_000;
    while (Date.now() < until) expect(await judged()).toEqual(good);
    const { nats: before } = verifiers[0].ring.facts().statements.accepted;
    await nats.start();
    await eventually(() => verifiers[0].ring.facts().statements.accepted.nats > before + 1, later);
    expect(await judged()).toEqual(good);
  }, 30_000);

  it('loses its storage: the streams are made anew, and hold the last statement', async () => {
    await nats.wipe();
    const stored = async () => {
      const connection = await verifiers[0].link.connection;
      const answer = await connection.request(KEYSET_DIRECT_GET, '', { timeout: 1_000 });
      return JSON.parse(Buffer.from(answer.string().split('.')[1]!, 'base64url').toString()).epoch as number;
    };
    const { epoch } = verifiers[0];
    await eventually(async () => (await stored()) >= epoch() - 1, later);
    await hearOverNats();
    expect(await stored()).toBeGreaterThan(1);
  }, 30_000);

  it('is away for auth alone: a rotation waits for the time that a statement lives, and verifiers poll', async () => {
    natsGate.shut();
    await eventually(async () => (await auth.send('GET', '/health/ready')).body.status === 'degraded', soon);
    // The one that hears NATS hears nothing there any more, and asks over HTTP before its statement has expired.
    const { http } = verifiers[0].ring.facts().statements.accepted;
    const verdicts: unknown[] = [];
    await eventually(async () => {
      verdicts.push(...(await judged()));
      return verifiers[0].ring.facts().statements.accepted.http > http;
    }, later);
    expect(verdicts.filter((verdict) => verdict !== 'orders')).toEqual([]);
    const admin = await auth.login('admin');
    const kids = () =>
      auth.owner.query<{ kid: string }[]>(`SELECT kid FROM signing_key WHERE status = 'active'`);
    const [before] = await kids();
    const answer = await auth.send('POST', '/admin/keys/rotate', { token: admin, body: {} });
    expect([200, 202]).toContain(answer.status);
    await eventually(async () => (await kids())[0]!.kid !== before!.kid, later);
    expect(await judged()).not.toContain('unknown_kid');
  }, 60_000);
});

describe('auth', () => {
  it('is away for verifiers over HTTP: NATS alone is enough, and who has no NATS stops at the expiry', async () => {
    httpGate.shut();
    await eventually(async () => {
      const [first, second] = await judged();
      expect(first).toBe('orders');
      return second === 'trust_stale';
    }, later);
    httpGate.open();
    await eventually(async () => expect(await judged()).toEqual(good), withNextPoll);
  }, 120_000);

  it('is away altogether: good until the statement expires, then 503, never 401, and back by itself', async () => {
    httpGate.shut();
    natsGate.shut();
    const { exp } = verifiers[0].ring.facts();
    const verdicts = new Set<string | undefined>();
    await eventually(async () => {
      const now = await judged();
      now.forEach((verdict) => verdicts.add(verdict));
      // Never before its time.
      if (Date.now() / 1000 < exp! - 1) expect(now[0]).toBe('orders');
      return now.every((verdict) => verdict === 'trust_stale');
    }, later);
    expect([...verdicts].sort()).toEqual(['orders', 'trust_stale']);
    httpGate.open();
    await eventually(async () => expect(await judged()).toEqual(good), withNextPoll);
    natsGate.open();
    await hearOverNats();
  }, 120_000);

  it('and NATS are away: the same, and either that returns is enough', async () => {
    httpGate.shut();
    await nats.stop();
    await eventually(() => freshness().every((state) => state === 'stale'), later);
    expect(await judged()).toEqual(['trust_stale', 'trust_stale']);
    await nats.start();
    await eventually(async () => expect((await judged())[0]).toBe('orders'), later);
    httpGate.open();
    await eventually(async () => expect(await judged()).toEqual(good), withNextPoll);
  }, 120_000);
});
