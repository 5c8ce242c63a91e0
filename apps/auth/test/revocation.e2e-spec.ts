import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { revocationSubject } from '#statements';
import { createTestIssuer, eventually, startTestNats, type TestNats } from '#testing';
import { connectNats } from '#trust/nats';
import { RecoveryService } from '../src/recovery/recovery.service.js';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { openGate } from './tcp-gate.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

let nats: TestNats;
let auth: AuthFixture;
let admin: string;
let orders: VerifierFixture;
let inventory: VerifierFixture;
const closers: (() => Promise<unknown>)[] = [];

interface TestAccount {
  readonly id: string;
  readonly email: string;
  readonly password: string;
}

beforeAll(async () => {
  nats = await startTestNats();
  auth = await startAuth({ nats, settings: { statementIntervalSeconds: 1 } });
  admin = await auth.login('admin');
  orders = startVerifier(auth.settings, nats);
  inventory = startVerifier(auth.settings, nats, { service: 'inventory' });
  await Promise.all([orders, inventory].map(ready));
}, 60_000);
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(async () => {
  await Promise.all([orders.stop(), inventory.stop()]);
  await auth.close();
  await nats.close();
});

const ready = (verifier: VerifierFixture) => eventually(() => verifier.isReady());
const attempt = ({ email, password }: TestAccount) =>
  auth.send('POST', '/auth/login', { body: { email, password } });
const login = async (account: TestAccount): Promise<string> => (await attempt(account)).body.access_token;
const sidOf = (token: string) => decodeJwt(token)['sid'] as string;
const send = (method: string, path: string, token: string) => auth.send(method, path, { token });
const manage = (id: string, what: 'disable' | 'enable') =>
  send('POST', `/admin/accounts/${id}/${what}`, admin);
const isAccepted = (token: string, by = orders) => typeof by.judge(token, 'orders') === 'object';
/** Refused by everyone, within the time that a message takes. */
const isRevoked = (token: string, by: VerifierFixture[] = [orders, inventory], timeoutMs = 1_000) =>
  eventually(() => by.every((verifier) => verifier.judge(token, 'orders') === 'revoked'), { timeoutMs });
const liveSessions = async (accountId: string): Promise<number> =>
  (await auth.owner.query('SELECT 1 FROM session WHERE account_id = $1 AND ended_at IS NULL', [accountId]))
    .length;

/** Another verifier, which begins now. */
function verifier(options: Parameters<typeof startVerifier>[2] = {}): VerifierFixture {
  const started = startVerifier(auth.settings, nats, { instance: 'late', ...options });
  closers.push(() => started.stop());
  return started;
}

describe('a session that ends', () => {
  it('by logout: its tokens are refused everywhere at once, and those of another session are not', async () => {
    const account = await auth.account();
    const [one, other] = [await login(account), await login(account)];
    for (const by of [orders, inventory]) expect(isAccepted(one, by)).toBe(true);
    expect(await send('POST', '/auth/logout', one)).toMatchObject({ status: 204, text: '' });
    await isRevoked(one);
    expect((await send('GET', '/auth/me', one)).status).toBe(401);
    expect((await send('POST', '/auth/logout', one)).status).toBe(401);
    expect(isAccepted(other)).toBe(true);
    expect((await send('GET', '/auth/me', other)).status).toBe(200);
  });

  it('by logout, although a round of the outbox waits for the database', async () => {
    const [first, token] = [await auth.login(), await auth.login()];
    await send('POST', '/auth/logout', first);
    await isRevoked(first);
    await auth.owner.query('UPDATE revocation SET expires_at = clock_timestamp()');
    await auth.owner.transaction(async (tx) => {
      // The round deletes what has expired. It may have been faster this time.
      const rows = await tx.query<unknown[]>('SELECT 1 FROM revocation FOR UPDATE');
      expect(rows.length).toBeGreaterThan(0);
      const waiting =
        'SELECT 1 FROM pg_locks WHERE transactionid = pg_current_xact_id()::xid AND NOT granted';
      await eventually(async () => (await tx.query<unknown[]>(waiting)).length > 0);
      await send('POST', '/auth/logout', token);
      await isRevoked(token);
    });
  });

  it('by logout-all: every session of the account, and of no other', async () => {
    const account = await auth.account();
    const tokens = [await login(account), await login(account), await login(account)];
    const stranger = await auth.login();
    expect((await send('POST', '/auth/logout-all', tokens[1]!)).status).toBe(204);
    for (const token of tokens) await isRevoked(token);
    expect(isAccepted(stranger)).toBe(true);
    const again = await login(account);
    expect(isAccepted(again)).toBe(true);
  });

  it('by name: one of one’s own, and none of somebody else', async () => {
    const account = await auth.account();
    const [mine, other] = [await login(account), await login(account)];
    const stranger = await auth.login();
    const end = (sid: string) => send('DELETE', `/auth/sessions/${sid}`, mine);
    expect(await end(sidOf(stranger))).toMatchObject({ status: 404, body: { code: 'session_not_found' } });
    expect((await send('GET', '/auth/me', stranger)).status).toBe(200);
    expect((await end(sidOf(other))).status).toBe(204);
    await isRevoked(other);
    expect(await end(sidOf(other))).toMatchObject({ status: 404, body: { code: 'session_not_found' } });
    expect(await end('nonsense')).toMatchObject({ status: 400, body: { errors: [{ field: 'sid' }] } });
    for (const token of [mine, stranger]) expect(isAccepted(token)).toBe(true);
    expect((await end(sidOf(mine))).status).toBe(204);
    await isRevoked(mine);
  });

  it('is no longer listed; those that live are, in pages, the present one marked', async () => {
    const account = await auth.account();
    const tokens = [await login(account), await login(account), await login(account)];
    const present = tokens[2]!;
    await send('DELETE', `/auth/sessions/${sidOf(tokens[1]!)}`, present);
    const { status, body } = await send('GET', '/auth/sessions?limit=1', present);
    expect(status).toBe(200);
    const next = await send('GET', `/auth/sessions?limit=1&cursor=${body.nextCursor}`, present);
    expect([...body.items, ...next.body.items]).toMatchObject([
      { sid: sidOf(present), createdAt: expect.stringMatching(/Z$/), current: true },
      { sid: sidOf(tokens[0]!), createdAt: expect.stringMatching(/Z$/), current: false },
    ]);
    expect(next.body.nextCursor).toBeNull();
    expect((await send('GET', '/auth/sessions?limit=0', present)).status).toBe(400);
  });

  it('because it is the oldest of more than 100, also where several begin at once', async () => {
    const account = await auth.account();
    const oldest = await login(account);
    await auth.owner.query(
      `INSERT INTO session (account_id, created_at, expires_at)
       SELECT $1, clock_timestamp() + interval '1 minute', clock_timestamp() + interval '5 minutes'
         FROM generate_series(1, 99)`,
      [account.id],
    );
    expect(isAccepted(oldest)).toBe(true);
    const begun = await Promise.all([attempt(account), attempt(account), attempt(account)]);
    expect(begun.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await liveSessions(account.id)).toBe(100);
    await isRevoked(oldest);
  });
});

describe('an account that is disabled', () => {
  it('loses its sessions everywhere and cannot log in; enabled it can, with nothing of old', async () => {
    const account = await auth.account();
    const tokens = [await login(account), await login(account)];
    expect(await manage(account.id, 'disable')).toMatchObject({
      status: 200,
      body: { id: account.id, email: account.email, roles: ['customer'], disabledAt: expect.any(String) },
    });
    for (const token of tokens) await isRevoked(token);
    expect(await attempt(account)).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } });
    const again = await manage(account.id, 'disable');
    expect(again.status).toBe(200);

    expect(await manage(account.id, 'enable')).toMatchObject({ status: 200, body: { disabledAt: null } });
    const fresh = await login(account);
    expect(isAccepted(fresh)).toBe(true);
    for (const token of tokens) await isRevoked(token);
  });

  it('gets nothing out of logging in at the same moment', async () => {
    const account = await auth.account();
    const logins = [attempt(account), attempt(account), attempt(account), attempt(account)];
    await logins[0];
    const [answers] = await Promise.all([Promise.all(logins), manage(account.id, 'disable')]);
    expect(await liveSessions(account.id)).toBe(0);
    for (const { body } of answers) if (body.access_token) await isRevoked(body.access_token);
  });

  it('must exist, and the caller must have the scope for it', async () => {
    const { id } = await auth.account();
    const nobody = '00000000-0000-4000-8000-000000000000';
    expect(await manage(nobody, 'disable')).toMatchObject({
      status: 404,
      body: { code: 'account_not_found' },
    });
    expect(await manage(nobody, 'enable')).toMatchObject({
      status: 404,
      body: { code: 'account_not_found' },
    });
    expect(await manage('x', 'disable')).toMatchObject({ status: 400, body: { errors: [{ field: 'id' }] } });
    for (const token of [await auth.login(), await auth.login('admin', 'inventory')])
      expect((await send('POST', `/admin/accounts/${id}/disable`, token)).status).toBe(401);
  });
});

describe('a verifier that was not there', () => {
  it('learns at its start what was revoked before', async () => {
    const token = await auth.login();
    await send('POST', '/auth/logout', token);
    const late = verifier();
    await ready(late);
    await isRevoked(token, [late]);
    expect(late.ring.facts().revocations).toMatchObject({ missing: 0, refused: {} });
  });

  it('fetches what it missed while its connection was gone', async () => {
    const gate = await openGate(Number(new URL(nats.url).port));
    closers.push(() => gate.close());
    const cut = verifier({ natsUrl: `nats://127.0.0.1:${gate.port}` });
    await ready(cut);
    const [token, other] = [await auth.login(), await auth.login()];
    gate.shut();
    await send('POST', '/auth/logout', token);
    await isRevoked(token);
    expect(cut.judge(token)).toMatchObject({ aud: 'orders' });
    gate.open();
    await isRevoked(token, [cut], 5_000);
    expect(cut.judge(other)).toMatchObject({ aud: 'orders' });
  });

  it('fetches what was lost on its way, though nothing else happens', async () => {
    const deaf = verifier();
    await ready(deaf);
    const { revocations } = deaf.ring;
    const add = revocations.add.bind(revocations);
    const lost: string[] = [];
    revocations.add = (jws) => void lost.push(jws);
    const token = await auth.login();
    await send('POST', '/auth/logout', token);
    await eventually(() => lost.length > 0);
    revocations.add = add;
    expect(deaf.judge(token)).toMatchObject({ aud: 'orders' });
    await isRevoked(token, [deaf], 5_000);
  });

  it('learns it too when NATS has lost everything, because auth publishes it again', async () => {
    const tokens = [await auth.login(), await auth.login()];
    for (const token of tokens) await send('POST', '/auth/logout', token);
    await nats.wipe();
    const late = verifier();
    await eventually(() => late.isReady() && late.ring.facts().revocations.held.sid > 0, {
      timeoutMs: 15_000,
    });
    for (const token of tokens) expect(late.judge(token)).toBe('revoked');
    // And it goes on: what is revoked now has a place in the new stream.
    const next = await auth.login();
    await send('POST', '/auth/logout', next);
    await isRevoked(next, [late], 5_000);
    await Promise.all([orders, inventory].map(ready));
  }, 30_000);

  it('learns it too when NATS has lost the last ones, also one whose place in the stream is not known', async () => {
    const loseWhatFollows = await nats.copyStorage();
    const [known, unknown] = [await auth.login(), await auth.login()];
    for (const token of [known, unknown]) await send('POST', '/auth/logout', token);
    await eventually(
      async () => (await auth.owner.query('SELECT 1 FROM revocation WHERE stream IS NULL')).length === 0,
      { timeoutMs: 10_000 },
    );
    // As a replica leaves it that published second and heard "already there".
    await auth.owner.query('UPDATE revocation SET sequence = NULL WHERE value = $1', [sidOf(unknown)]);
    await loseWhatFollows();
    const late = verifier();
    await isRevoked(known, [late], 15_000);
    await isRevoked(unknown, [late], 5_000);
    await Promise.all([orders, inventory].map(ready));
  }, 40_000);
});

it('what one replica revokes the other knows, and publishes should the first be gone', async () => {
  const other = await auth.replica();
  await eventually(async () => (await other.send('GET', '/health/ready')).status === 200);
  const token = await auth.login();
  expect((await other.send('POST', '/auth/logout', { token })).status).toBe(204);
  await isRevoked(token);
  await eventually(async () => (await auth.send('GET', '/trust')).body.revocations.missing === 0);
  const [before] = await auth.owner.query('SELECT sequence FROM revocation WHERE value = $1', [sidOf(token)]);
  expect(Number(before.sequence)).toBeGreaterThan(0);
  await other.close();
  // What a replica leaves behind that dies right after its commit: a row that is in no stream.
  await auth.owner.query('UPDATE revocation SET stream = NULL WHERE value = $1', [sidOf(token)]);
  await eventually(
    async () =>
      (
        await auth.owner.query('SELECT 1 FROM revocation WHERE value = $1 AND stream IS NOT NULL', [
          sidOf(token),
        ])
      ).length === 1,
  );
});

it('a revocation by another anchor is refused and counted, and refuses nobody', async () => {
  const token = await auth.login();
  const stranger = createTestIssuer({ issuer: auth.settings.issuer });
  const link = connectNats({
    servers: nats.url,
    nkeySeed: nats.nkeySeed('auth'),
    service: 'auth',
    instance: 'rogue',
  });
  closers.push(() => link.close());
  const forged = stranger.revocation(999_999, { sid: sidOf(token) });
  (await link.connection).publish(revocationSubject(999_999), forged);
  const refused = () => orders.ring.facts().revocations.refused;
  await eventually(() => refused().unknown_anchor === 1);
  expect(isAccepted(token)).toBe(true);
});

describe('while NATS is away', () => {
  it('a revoked token lives until it expires at most, and strict routes are closed after 15 s', async () => {
    let ahead = 0;
    const alone = verifier({ clock: () => Date.now() + ahead, fetchUrl: auth.url });
    await ready(alone);
    const [token, other] = [await auth.login(), await auth.login()];
    await nats.stop();
    try {
      const startedAt = Date.now();
      expect((await send('POST', '/auth/logout', token)).status).toBe(204);
      expect(Date.now() - startedAt).toBeLessThan(3_000);
      expect((await send('GET', '/auth/me', token)).status).toBe(401);
      expect(alone.judge(token, 'orders', true)).toMatchObject({ aud: 'orders' });
      ahead = 16_000;
      expect(alone.judge(token, 'orders', true)).toBe('trust_stale');
      expect(alone.judge(other, 'orders', true)).toBe('trust_stale');
      // HTTP tells that there is one more, but not which.
      await eventually(() => alone.ring.facts().revocations.missing > 0);
      expect(alone.judge(token)).toMatchObject({ aud: 'orders' });
      ahead = 306_000;
      expect(alone.judge(token)).toBe('expired');
      ahead = 0;
    } finally {
      await nats.start();
    }
    await isRevoked(token, [alone, orders, inventory], 15_000);
    await eventually(() => typeof alone.judge(other, 'orders', true) === 'object', { timeoutMs: 10_000 });
  }, 40_000);
});

describe('what is stored', () => {
  it('is numbered without a gap, and forgotten when it matters no more', async () => {
    const account = await auth.account();
    const tokens = [await login(account), await login(account)];
    await send('POST', '/auth/logout-all', tokens[0]!);
    const rows = await auth.owner.query<{ n: string }[]>('SELECT n FROM revocation ORDER BY n');
    const numbers = rows.map(({ n }) => Number(n));
    expect(numbers).toEqual(Array.from(numbers, (_n, index) => numbers[0]! + index));
    const { from, to } = (await auth.send('GET', '/trust')).body.revocations;
    expect(from).toBeLessThanOrEqual(to);

    await auth.owner.query(`UPDATE revocation SET expires_at = clock_timestamp() WHERE n < $1`, [
      numbers.at(-1),
    ]);
    await eventually(async () => (await auth.owner.query('SELECT 1 FROM revocation')).length === 1);
    await eventually(() => orders.ring.facts().revocations.held.sid === 1);
    expect(orders.ring.facts().revocations).toMatchObject({
      from: numbers.at(-1),
      to: numbers.at(-1),
      missing: 0,
    });
  });

  it('is nothing while the database is older than what was published', async () => {
    const token = await auth.login();
    await auth.owner.query('ALTER TABLE key_set DISABLE TRIGGER epoch_only_grows');
    await auth.owner.query('UPDATE key_set SET epoch = 1');
    expect(await send('POST', '/auth/logout', token)).toMatchObject({
      status: 503,
      body: { code: 'database_went_back' },
    });
    expect(isAccepted(token)).toBe(true);
    await auth.owner.query('ALTER TABLE key_set ENABLE TRIGGER epoch_only_grows');
  });

  it('is numbered beyond all that may have been published, once that was recovered', async () => {
    const { to } = orders.ring.facts().revocations;
    await auth.app.get(RecoveryService, { strict: false }).recover();
    const account = await auth.account();
    let token = '';
    await eventually(async () => {
      const { status, body } = await attempt(account);
      token = body.access_token as string;
      return status === 200 && isAccepted(token);
    });
    await send('POST', '/auth/logout', token);
    await isRevoked(token);
    await eventually(() => {
      const { revocations } = orders.ring.facts();
      return revocations.to >= revocations.from;
    });
    const { from, ...facts } = orders.ring.facts().revocations;
    expect(from).toBeGreaterThan(to + 1_000);
    expect(facts).toMatchObject({ to: from, missing: 0, held: { sid: 1 } });
  });
});
