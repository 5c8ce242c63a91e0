/** The revocation endpoint (RFC 7009): a client gives back a token that was issued to it, and every verifier refuses it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { createTestKey, eventually, signCompact, startTestNats, type TestNats } from '#testing';
import { startAuth, type AuthFixture, type AuthReplica } from './auth-fixture.js';
import { oauthError, postForm, registerClient, signLike, type Parameters } from './oauth-client.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

let nats: TestNats;
let auth: AuthFixture;
let other: AuthReplica;
let verifier: VerifierFixture;
let orders: Awaited<ReturnType<typeof registerClient>>;
let inventory: typeof orders;
beforeAll(async () => {
  nats = await startTestNats();
  auth = await startAuth({ nats, settings: { statementIntervalSeconds: 1 } });
  other = await auth.replica();
  verifier = startVerifier(auth.settings, nats, { service: 'inventory' });
  orders = await registerClient(auth, 'orders');
  inventory = await registerClient(auth, 'inventory');
  await eventually(() => verifier.isReady());
}, 60_000);
afterAll(async () => {
  await verifier?.stop();
  await auth?.close();
  await nats?.close();
});

const jtiOf = (token: string) => decodeJwt(token).jti!;
const ownToken = async (): Promise<string> => (await orders.credentials()).body.access_token;
const exchanged = async (token: string): Promise<string> => (await orders.exchange(token)).body.access_token;
const isAccepted = (token: string) => typeof verifier.judge(token) === 'object';
const isRevoked = (token: string) =>
  eventually(() => verifier.judge(token) === 'revoked', { timeoutMs: 2_000 });
const revocations = () =>
  auth.owner.query<{ kind: string; value: string }[]>('SELECT kind, value FROM revocation ORDER BY n');
const revocationsOf = async (token: string) =>
  (await revocations()).filter(({ value }) => value === jtiOf(token));
const events = () => auth.logged().split('"event":"token.revoked"').length - 1;
const done = { status: 200, text: '' };

/** Sends a request that must not revoke anything. */
async function expectNoEffect(request: () => Promise<unknown>, answer: object): Promise<void> {
  const [rows, told] = [await revocations(), events()];
  expect(await request()).toMatchObject(answer);
  expect([await revocations(), events()]).toEqual([rows, told]);
}

describe('a client revokes', () => {
  it('its own token for itself: auth refuses it at once, and each verifier within moments', async () => {
    const token = await ownToken();
    expect(isAccepted(token)).toBe(true);
    const { status, text, headers } = await orders.revoke(token);
    expect({ status, text }).toEqual(done);
    expect(headers.get('cache-control')).toBe('no-store');
    await isRevoked(token);
    expect(await revocationsOf(token)).toEqual([{ kind: 'jti', value: jtiOf(token) }]);
    expect((await inventory.introspect(token)).body).toEqual({ active: false });
    expect((await orders.introspect(token, {}, other)).body).toEqual({ active: false });
  });

  it('a token that it got by exchange, and no other token of that session', async () => {
    const first = await auth.login();
    const [token, sister] = [await exchanged(first), await exchanged(first)];
    expect(await orders.revoke(token)).toMatchObject(done);
    await isRevoked(token);
    expect(isAccepted(sister)).toBe(true);
    expect((await orders.introspect(first)).body).toMatchObject({ active: true });
    // Only its own jti is named.
    expect((await revocations()).map(({ value }) => value)).not.toContain(jtiOf(first));
    expect(await exchanged(first)).toEqual(expect.any(String));
  });

  it('whatever type the hint names (RFC 7009 §2.2)', async () => {
    for (const token_type_hint of ['access_token', 'refresh_token', 'saml']) {
      const token = await ownToken();
      expect(await orders.revoke(token, { token_type_hint })).toMatchObject(done);
      expect(await revocationsOf(token)).toHaveLength(1);
    }
  });

  it('a first token, and with it every token that was exchanged from it', async () => {
    // No client gets such a token today: those of a login belong to `web`.
    const first = await signLike(auth, await auth.login(), { client_id: 'orders' });
    const [token, other] = [await exchanged(first), await exchanged(await auth.login())];
    expect(await orders.revoke(first)).toMatchObject(done);
    await isRevoked(token);
    expect(isAccepted(other)).toBe(true);
    expect((await orders.introspect(token)).body).toEqual({ active: false });
    expect(await orders.exchange(first)).toMatchObject(oauthError('invalid_grant'));
  });
});

describe('a revocation is made once', () => {
  it('if the request is repeated, at each replica', async () => {
    const token = await ownToken();
    expect(await orders.revoke(token)).toMatchObject(done);
    for (const at of [auth.first, other]) await expectNoEffect(() => orders.revoke(token, {}, at), done);
    expect(await revocationsOf(token)).toHaveLength(1);
  });

  it('if 16 requests at two replicas come at the same time', async () => {
    for (let round = 0; round < 3; round += 1) {
      const token = await ownToken();
      const told = events();
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, n) => orders.revoke(token, {}, n % 2 === 0 ? auth.first : other)),
      );
      for (const answer of answers) expect(answer).toMatchObject(done);
      expect(await revocationsOf(token)).toHaveLength(1);
      expect(events()).toBe(told + 1);
    }
  });
});

describe('a token that is not good has no effect (RFC 7009 §2.2)', () => {
  it('if it is unknown, malformed, forged or another kind of token', async () => {
    const token = await ownToken();
    const claims = decodeJwt(token) as Record<string, unknown>;
    const header = { alg: 'ES256', typ: 'at+jwt', kid: orders.key.kid };
    for (const text of [
      ...['x', 'a.b.c', `${token}x`, 'x'.repeat(9_000), orders.assertion()],
      (await auth.send('GET', '/.well-known/keyset')).text,
      signCompact(header, claims, orders.key),
      signCompact(header, claims, createTestKey()),
    ])
      await expectNoEffect(() => orders.revoke(text), done);
    expect(isAccepted(token)).toBe(true);
  });

  it('if its session has ended or it has expired at every verifier', async () => {
    const login = await auth.login();
    const token = await exchanged(login);
    await auth.send('POST', '/auth/logout', { token: login });
    await expectNoEffect(() => orders.revoke(token), done);
    const claims = { ...decodeJwt(token), exp: 1, iat: 0 };
    await expectNoEffect(
      () => orders.revoke(signCompact({ alg: 'ES256', typ: 'at+jwt' }, claims, orders.key)),
      done,
    );
  });

  it('but one that has expired within the skew that verifiers tolerate has', async () => {
    const own = { sid: undefined, sub: 'orders', client_id: 'orders', roles: undefined, aud: 'inventory' };
    const login = await auth.login();
    const notAfter = Math.floor(Date.now() / 1000) + 2;
    const token = await signLike(auth, login, own, { notAfter });
    await eventually(() => Date.now() >= notAfter * 1000);
    expect(isAccepted(token)).toBe(true);
    expect(await orders.revoke(token)).toMatchObject(done);
    expect(await revocationsOf(token)).toHaveLength(1);
  });
});

describe('a request is refused', () => {
  const path = '/oauth/revoke';

  it('for a good token of another client, even if it is for the caller: invalid_grant', async () => {
    const login = await auth.login();
    for (const [client, token] of [
      [orders, login],
      [inventory, await exchanged(login)],
      [inventory, await ownToken()],
    ] as const)
      await expectNoEffect(() => client.revoke(token), oauthError('invalid_grant'));
  });

  it('for a refresh token, which a logout ends: unsupported_token_type', async () => {
    const { email, password } = await auth.account();
    const { body } = await auth.send('POST', '/auth/login', { body: { email, password } });
    for (const token_type_hint of [undefined, 'refresh_token', 'access_token'])
      await expectNoEffect(
        () => orders.revoke(body.refresh_token, { token_type_hint }),
        oauthError('unsupported_token_type'),
      );
    const refreshed = await auth.send('POST', '/auth/refresh', {
      body: { refresh_token: body.refresh_token },
    });
    expect(refreshed).toMatchObject({ status: 200 });
  });

  it.each<[string, Parameters, string]>([
    ['without a token', { token: undefined }, 'invalid_request'],
    ['with two tokens', { token: ['x', 'y'] }, 'invalid_request'],
    ['with two hints', { token_type_hint: ['access_token', 'access_token'] }, 'invalid_request'],
    ['with an unknown parameter twice', { colour: ['red', 'blue'] }, 'invalid_request'],
    ['with a secret beside the assertion', { client_secret: 'x' }, 'invalid_request'],
    [
      'without an assertion',
      { client_assertion: undefined, client_assertion_type: undefined },
      'invalid_client',
    ],
    ['with the name of another client', { client_id: 'inventory' }, 'invalid_client'],
  ])('%s', async (_what, parameters, error) => {
    const token = await ownToken();
    await expectNoEffect(() => orders.revoke(token, parameters), oauthError(error));
  });

  it('of an unauthenticated client, and with the token itself as authentication', async () => {
    const token = await ownToken();
    await expectNoEffect(() => postForm(auth, { token }, {}, path), oauthError('invalid_client'));
    const bearer = { authorization: `Bearer ${token}` };
    await expectNoEffect(() => postForm(auth, { token }, bearer, path), oauthError('invalid_client'));
  });

  it('with an assertion that was used before', async () => {
    const [one, two] = [await ownToken(), await ownToken()];
    const client_assertion = orders.assertion();
    expect(await orders.revoke(one, { client_assertion })).toMatchObject(done);
    await expectNoEffect(() => orders.revoke(two, { client_assertion }, other), oauthError('invalid_client'));
  });

  it('with a form of 1 MB, and by GET', async () => {
    const large = await orders.revoke('x'.repeat(1_000_000));
    expect(large).toMatchObject(oauthError('invalid_request', 413));
    const answer = await auth.send('GET', `${path}?token=${await ownToken()}`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('with 503 while 10,000 tokens are revoked, so that verifiers do not run out of room', async () => {
    const token = await ownToken();
    // Their numbers are beyond the counter, so no statement counts them. NATS has them already, by what the rows say.
    const fill = (kind: string, count: number) =>
      auth.owner.query(
        `INSERT INTO revocation (n, kind, value, jws, created_at, expires_at, stream)
         SELECT 1000000 + i, $1, 'filler ' || i, 'none', now(), now() + interval '5 minutes', stream.id
           FROM (SELECT max(stream) AS id FROM revocation) AS stream,
                generate_series(1, $2::int) AS i`,
        [kind, count],
      );
    const empty = () => auth.owner.query('DELETE FROM revocation WHERE n > 1000000');
    await fill('jti', 10_000);
    const answer = await orders.revoke(token);
    await empty();
    expect(answer).toMatchObject(oauthError('temporarily_unavailable', 503));
    expect(answer.headers.get('retry-after')).toBe('60');
    expect(await revocationsOf(token)).toEqual([]);
    // Those of sessions do not count.
    await fill('sid', 10_000);
    expect(await orders.revoke(token)).toMatchObject(done);
    await empty();
  });

  it('with 503 while the database is away: the client tries again', async () => {
    const token = await ownToken();
    auth.database.shut();
    expect(await orders.revoke(token)).toMatchObject(oauthError('temporarily_unavailable', 503));
    auth.database.open();
    await eventually(async () => (await orders.revoke(token)).status === 200);
    await isRevoked(token);
  });
});

it('no token is in the log, which is at its most detailed', async () => {
  const [token, foreign] = [await ownToken(), await auth.login()];
  await orders.revoke(token);
  await orders.revoke(foreign);
  const logged = auth.logged();
  expect(logged).toContain('token.revoked');
  for (const secret of [...token.split('.').slice(1), ...foreign.split('.').slice(1)])
    expect(logged).not.toContain(secret);
});
