import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ackSubject } from '#statements';
import { eventually, startTestNats, type TestNats } from '#testing';
import { connectNats } from '#trust/nats';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

/** Short enough to wait for, long enough that a live verifier is always counted. */
const SETTINGS = {
  countedSeconds: 3,
  statementIntervalSeconds: 1,
  accessTokenSeconds: 60,
  statementSeconds: 900,
};

let nats: TestNats;
let auth: AuthFixture;
let admin: string;
let verifiers: VerifierFixture[];

interface KeyRow {
  kid: string;
  alg: string;
  status: string;
}

const manage = (method: string, path: string, body?: unknown) =>
  auth.send(method, `/admin${path}`, { token: admin, ...(body !== undefined && { body }) });
const keys = async () => (await manage('GET', '/keys')).body.keys as KeyRow[];
const withStatus = async (status: string) => (await keys()).filter((key) => key.status === status);
const rotation = async () => (await manage('GET', '/keys')).body.rotation;
/** Those that acknowledge over NATS; auth counts itself too. */
const others = async () =>
  ((await manage('GET', '/verifiers')).body.verifiers as { service: string }[]).filter(
    ({ service }) => service !== 'auth',
  );
const complete = () => eventually(async () => (await manage('GET', '/verifiers')).body.complete === true);

beforeAll(async () => {
  nats = await startTestNats();
  auth = await startAuth({ nats, settings: SETTINGS });
  admin = await auth.login('admin');
  verifiers = ['orders', 'inventory'].map((service) => startVerifier(auth.settings, nats, { service }));
  await complete();
  await eventually(async () => (await others()).length === 2);
}, 60_000);

afterAll(async () => {
  await Promise.all(verifiers.map((verifier) => verifier.stop()));
  await auth.close();
  await nats.close();
});

/** An instance of orders that is heard of all the time and never learns a key. */
async function startDeafVerifier(instance: string) {
  const link = connectNats({
    servers: nats.url,
    nkeySeed: nats.nkeySeed('orders'),
    service: 'orders',
    instance,
  });
  const connection = await link.connection;
  const acknowledge = () =>
    connection.publish(
      ackSubject('orders', instance),
      JSON.stringify({ epoch: 1, kids: [], pins: [], at: Date.now() }),
    );
  acknowledge();
  const heartbeat = setInterval(acknowledge, 200);
  await eventually(async () =>
    JSON.stringify((await manage('GET', '/verifiers')).body).includes(`"${instance}"`),
  );
  return {
    fallSilent: () => clearInterval(heartbeat),
    async stop() {
      clearInterval(heartbeat);
      await link.close();
    },
  };
}

describe('rotation', () => {
  it('activates the standby at once when every counted verifier holds it', async () => {
    const [before] = await withStatus('active');
    const [standby] = await withStatus('prepared');
    const token = await auth.login();
    const { status, body } = await manage('POST', '/keys/rotate', {});
    expect(status).toBe(200);
    expect(body).toMatchObject({ kid: standby!.kid, alg: 'ES256' });
    expect(body.waitedMs).toBeLessThan(2_000);
    expect((await withStatus('active')).map(({ kid }) => kid)).toEqual([standby!.kid]);
    expect((await withStatus('retiring')).map(({ kid }) => kid)).toContain(before!.kid);
    // Both the old token and a new one are good everywhere.
    expect(verifiers[0]!.judge(token)).toMatchObject({ aud: 'orders' });
    expect(verifiers[0]!.judge(await auth.login())).toMatchObject({ aud: 'orders' });
    await eventually(async () => (await withStatus('prepared')).length === 1);
  });

  it('changes the algorithm, and no verifier ever meets a key that it does not hold', async () => {
    const stop = new AbortController();
    const judged: unknown[] = [];
    const loop = (async () => {
      while (!stop.signal.aborted) {
        const token = await auth.login();
        judged.push(verifiers[0]!.judge(token));
      }
    })();
    // There and back, and again on a machine too slow to have logged anybody in meanwhile.
    for (let round = 0; round === 0 || (round < 10 && judged.length <= 3); round += 1) {
      for (const alg of ['RS256', 'ES256']) {
        expect(await manage('POST', '/keys/rotate', { alg })).toMatchObject({ status: 200, body: { alg } });
      }
    }
    stop.abort();
    await loop;
    expect(judged.length).toBeGreaterThan(3);
    expect(judged.filter((verdict) => typeof verdict === 'string')).toEqual([]);
  });

  it('waits for a verifier that does not hold the key, names it, and goes on once it is no longer counted', async () => {
    const deaf = await startDeafVerifier('deaf');
    try {
      const rotated = manage('POST', '/keys/rotate', {});
      await eventually(async () => (await rotation())?.waitingFor?.includes('orders/deaf') === true);
      // While it waits, a second rotation is refused and the old key signs on.
      expect(await manage('POST', '/keys/rotate', {})).toMatchObject({
        status: 409,
        body: { code: 'rotation_in_progress' },
      });
      deaf.fallSilent();
      expect(await rotated).toMatchObject({ status: 200, body: { waitedMs: expect.any(Number) } });
    } finally {
      await deaf.stop();
    }
  });

  it('does not take verifiers for gone that it could not hear, because it did not run itself', async () => {
    const deaf = await startDeafVerifier('unheard');
    try {
      const rotated = manage('POST', '/keys/rotate', {});
      await eventually(async () => (await rotation())?.waitingFor?.includes('orders/unheard') === true);
      const stopUntil = performance.now() + 1000 * (SETTINGS.countedSeconds + 0.2);
      while (performance.now() < stopUntil);
      // The first thing that runs now is the timer of the rotation. The messages of the verifiers are read later.
      expect(await manage('POST', '/keys/rotate', {})).toMatchObject({
        status: 409,
        body: { code: 'rotation_in_progress' },
      });
      deaf.fallSilent();
      expect(await rotated).toMatchObject({ status: 200 });
    } finally {
      await deaf.stop();
    }
  }, 15_000);

  it('waits for third parties who may have cached the JWKS, where it is told to', async () => {
    const rotated = await manage('POST', '/keys/rotate', { alg: 'PS256', waitForThirdParties: true });
    expect(rotated).toMatchObject({ status: 202, body: { waitingFor: ['jwks-cache'] } });
    const { kid, jwksCachedUntil } = rotated.body;
    const row = (await keys()).find((key) => key.kid === kid) as KeyRow & Record<string, string>;
    const cachedMs = Date.parse(jwksCachedUntil) - Date.parse(row['preparedAt']!);
    expect(cachedMs).toBe(2 * 1000 * auth.settings.jwksMaxAgeSeconds);
    expect(row).toMatchObject({ status: 'prepared', jwksCachedUntil });
    expect(await rotation()).toMatchObject({ kid, waitingFor: ['jwks-cache'], jwksCachedUntil });
    // As if it had been published that long ago.
    await auth.owner.query('ALTER TABLE signing_key DISABLE TRIGGER life_cycle');
    await auth.owner.query(
      'UPDATE signing_key SET prepared_at = prepared_at - make_interval(secs => $2) WHERE kid = $1',
      [kid, cachedMs / 1000],
    );
    await auth.owner.query('ALTER TABLE signing_key ENABLE TRIGGER life_cycle');
    await eventually(async () => (await withStatus('active'))[0]?.kid === kid);
    // Without the option nobody waits for them, but everybody is told.
    const back = await manage('POST', '/keys/rotate', { alg: 'ES256' });
    expect(back).toMatchObject({ status: 200, body: { jwksCachedUntil: expect.any(String) } });
    const [active] = await withStatus('active');
    expect(active).toMatchObject({ kid: back.body.kid, jwksCachedUntil: back.body.jwksCachedUntil });
    const [retiring] = await withStatus('retiring');
    expect(retiring).toMatchObject({ jwksCachedUntil: null });
  }, 30_000);

  it('can be aborted and can be forced', async () => {
    await eventually(async () => (await withStatus('prepared')).length > 0);
    const [active] = await withStatus('active');
    const deaf = await startDeafVerifier('blocker');
    try {
      const aborted = manage('POST', '/keys/rotate', {});
      await eventually(async () => (await rotation()) !== null);
      expect((await manage('POST', '/rotations/current/abort')).status).toBe(204);
      expect(await aborted).toMatchObject({ status: 409, body: { code: 'rotation_aborted' } });
      expect((await withStatus('active')).map(({ kid }) => kid)).toEqual([active!.kid]);

      const forced = manage('POST', '/keys/rotate', {});
      await eventually(async () => (await rotation()) !== null);
      expect((await manage('POST', '/rotations/current/proceed')).status).toBe(200);
      expect((await forced).status).toBe(200);
      expect((await withStatus('active')).map(({ kid }) => kid)).not.toContain(active!.kid);
      expect(await manage('POST', '/rotations/current/proceed')).toMatchObject({
        status: 409,
        body: { code: 'no_rotation' },
      });
    } finally {
      await deaf.stop();
      // It is waited for until then.
      await eventually(async () => (await others()).length === 2);
    }
  });

  it('is continued after a crash by any other replica', async () => {
    await eventually(async () => (await withStatus('prepared')).length > 0);
    const [standby] = await withStatus('prepared');
    // What a replica leaves behind that dies right after it has begun one.
    await auth.owner.query(
      `INSERT INTO rotation (kid, cause, requested_at) VALUES ($1, 'requested', clock_timestamp())`,
      [standby!.kid],
    );
    await eventually(async () => (await withStatus('active'))[0]?.kid === standby!.kid);
    expect(await rotation()).toBeNull();
  });
});

describe('revocation', () => {
  it('of the active key: the standby signs from that moment, and every verifier refuses the old', async () => {
    await eventually(async () => (await withStatus('prepared')).length > 0);
    const [active] = await withStatus('active');
    const token = await auth.login();
    expect(verifiers[0]!.judge(token)).toMatchObject({ aud: 'orders' });
    const { status, body } = await manage('POST', `/keys/${active!.kid}/revoke`, {
      reason: 'compromised',
      note: 'taken from the build server',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ kid: active!.kid, silent: [] });
    // The answer came after everyone had acknowledged.
    for (const verifier of verifiers) {
      expect(verifier.epoch()).toBeGreaterThanOrEqual(body.epoch);
      expect(verifier.kids()).not.toContain(active!.kid);
      expect(verifier.judge(token, 'orders')).toBe('unknown_kid');
    }
    expect(verifiers[0]!.ring.facts().revoked).toContainEqual({
      kid: active!.kid,
      revoked_at: expect.any(Number),
      reason: 'compromised',
    });
    expect(verifiers[0]!.judge(await auth.login())).toMatchObject({ aud: 'orders' });
    admin = await auth.login('admin');
  });

  it("keeps an operator's words in the database and the log, and publishes them nowhere", async () => {
    const [revoked] = (await withStatus('revoked')) as (KeyRow & { revocationNote: string })[];
    const note = 'taken from the build server';
    expect(revoked).toMatchObject({ revocationReason: 'compromised', revocationNote: note });
    expect(auth.logged()).toContain(note);
    const [, payload] = (await auth.send('GET', '/.well-known/keyset')).text.split('.');
    const published = [
      Buffer.from(payload!, 'base64url').toString(),
      (await auth.send('GET', '/trust')).text,
      (await auth.send('GET', '/.well-known/jwks.json')).text,
    ];
    expect(published[0]).toContain(revoked!.kid);
    for (const text of published) expect(text).not.toContain('build server');
  });

  it('with includeStandby: nothing old is left, and a new key signs within the stated second', async () => {
    await eventually(async () => (await withStatus('prepared')).length > 0);
    const before = await keys();
    const [active] = await withStatus('active');
    const { status, body } = await manage('POST', `/keys/${active!.kid}/revoke`, {
      reason: 'compromised',
      includeStandby: true,
    });
    expect(status).toBe(200);
    expect(body.activeKid).not.toBeNull();
    expect(before.map(({ kid }) => kid)).not.toContain(body.activeKid);
    admin = await auth.login('admin');
    const after = await keys();
    expect(after.filter(({ status }) => status === 'active').map(({ kid }) => kid)).toEqual([body.activeKid]);
    for (const { kid, status } of before.filter((key) => ['active', 'prepared'].includes(key.status))) {
      expect(after.find((key) => key.kid === kid)?.status).toBe('revoked');
      expect(status).not.toBe('revoked');
    }
  });

  it('refuses what makes no sense', async () => {
    const [revoked] = await withStatus('revoked');
    const reason = 'unspecified';
    expect(await manage('POST', '/keys/nobody/revoke', { reason })).toMatchObject({
      status: 404,
      body: { code: 'key_not_found' },
    });
    expect(await manage('POST', `/keys/${revoked!.kid}/revoke`, { reason })).toMatchObject({
      status: 409,
      body: { code: 'key_not_revocable' },
    });
    expect((await manage('POST', `/keys/${revoked!.kid}/revoke`, {})).status).toBe(400);
    expect((await manage('POST', '/keys/rotate', { alg: 'HS256' })).status).toBe(400);
    expect((await manage('POST', '/keys/rotate', { alg: 'none' })).status).toBe(400);
  });
});
