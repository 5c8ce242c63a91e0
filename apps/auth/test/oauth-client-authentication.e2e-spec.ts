/** How a service proves at the token endpoint who it is: `private_key_jwt`, once, and nothing else. */
import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestKey, eventually, segment } from '#testing';
import { startAuth, type AuthFixture, type AuthReplica } from './auth-fixture.js';
import {
  ASSERTION_TYPE,
  oauthError,
  postForm,
  registerClient,
  type AssertionParts,
  type Parameters,
} from './oauth-client.js';

let auth: AuthFixture;
let other: AuthReplica;
let orders: Awaited<ReturnType<typeof registerClient>>;
let inventory: typeof orders;
beforeAll(async () => {
  // 20 requests at the same time may wait for a connection to the database.
  auth = await startAuth({ settings: { databaseConnectTimeoutMs: 10_000 } });
  other = await auth.replica();
  orders = await registerClient(auth, 'orders');
  inventory = await registerClient(auth, 'inventory');
  await eventually(async () => (await orders.credentials({}, other)).status === 200);
}, 60_000);
afterAll(() => auth?.close());
afterEach(() => orders.enable());

const seconds = () => Math.floor(Date.now() / 1000);
const withAssertion = (parts: AssertionParts) =>
  orders.credentials({ client_assertion: orders.assertion(parts) });
/** The reasons that the log has for refusals since the last call. */
let read = 0;
function reasons(): unknown[] {
  const lines = auth.logged().split('\n').filter(Boolean);
  const told = lines.slice(read).map((line) => JSON.parse(line) as Record<string, unknown>);
  read = lines.length;
  return told.filter(({ event }) => event === 'client.refused').map(({ client, reason }) => [client, reason]);
}

describe('an assertion is accepted', () => {
  it.each<[string, AssertionParts]>([
    ['with the type of the draft', {}],
    ['with the type JWT', { header: { typ: 'JWT' } }],
    ['without a type and a kid', { header: { typ: undefined, kid: undefined } }],
    ['without iat', { claims: { iat: undefined } }],
  ])('%s', async (_what, parts) => {
    expect(await withAssertion(parts)).toMatchObject({ status: 200 });
  });

  it('of a clock that is 4 s fast', async () => {
    const now = seconds();
    expect(await withAssertion({ claims: { iat: now + 4, exp: now + 64 } })).toMatchObject({ status: 200 });
  });

  it('with the issuer as a list of one, and with the client_id beside it', async () => {
    const claims = { aud: [auth.settings.issuer] };
    expect(await withAssertion({ claims })).toMatchObject({ status: 200 });
    expect(await orders.credentials({ client_id: 'orders' })).toMatchObject({ status: 200 });
  });

  it('of each key of the client, until that key ends', async () => {
    const next = createTestKey('ES384');
    await orders.addKey(next);
    expect(await withAssertion({ signWith: next })).toMatchObject({ status: 200 });
    expect(await withAssertion({ signWith: next, header: { kid: undefined } })).toMatchObject({
      status: 200,
    });
    expect(await withAssertion({})).toMatchObject({ status: 200 });
    await auth.owner.query('UPDATE client_key SET not_after = now() WHERE kid = $1', [next.kid]);
    expect(await withAssertion({ signWith: next })).toMatchObject(oauthError('invalid_client'));
    expect(await withAssertion({})).toMatchObject({ status: 200 });
  });
});

describe('an assertion is refused with invalid_client, and only the log says why', () => {
  const hmac = (): string => {
    const [, payload] = orders.assertion().split('.');
    const input = `${segment({ alg: 'HS256', kid: orders.key.kid })}.${payload}`;
    return `${input}.${createHmac('sha256', orders.key.publicPem).update(input).digest('base64url')}`;
  };
  const unsigned = () => `${segment({ alg: 'none' })}.${orders.assertion().split('.')[1]}.`;
  const made = (parts: AssertionParts) => () => orders.assertion(parts);

  it.each<[string, () => string, string, string | null]>([
    ['unsigned', unsigned, 'alg_mismatch', 'orders'],
    ['signed with HS256 and the public key', hmac, 'alg_mismatch', 'orders'],
    [
      'expired',
      () => orders.assertion({ claims: { iat: seconds() - 60, exp: seconds() - 6 } }),
      'expired',
      'orders',
    ],
    ['early', () => orders.assertion({ claims: { nbf: seconds() + 30 } }), 'not_yet_valid', 'orders'],
    [
      'for an hour',
      () => orders.assertion({ claims: { exp: seconds() + 3600 } }),
      'lifetime_too_long',
      'orders',
    ],
    ['without exp', made({ claims: { exp: undefined } }), 'invalid_claim', 'orders'],
    ['without jti', made({ claims: { jti: undefined } }), 'invalid_claim', 'orders'],
    ['for another server', made({ claims: { aud: 'https://other.test' } }), 'wrong_audience', 'orders'],
    [
      'for the URL of the endpoint',
      made({ claims: { aud: 'https://issuer.test/oauth/token' } }),
      'wrong_audience',
      'orders',
    ],
    [
      'for two audiences',
      made({ claims: { aud: ['https://issuer.test', 'x'] } }),
      'wrong_audience',
      'orders',
    ],
    ['about another subject', made({ claims: { sub: 'inventory' } }), 'wrong_issuer', 'orders'],
    ['of an unknown client', made({ claims: { iss: 'billing', sub: 'billing' } }), 'unknown_client', null],
    ['of the client of logins', made({ claims: { iss: 'web', sub: 'web' } }), 'unknown_key', 'web'],
    ['of another client’s key', () => orders.assertion({ signWith: inventory.key }), 'unknown_key', 'orders'],
    [
      'of a foreign key under our kid',
      () => orders.assertion({ signWith: createTestKey(), header: { kid: orders.key.kid } }),
      'bad_signature',
      'orders',
    ],
    [
      'with a key in its header',
      () => orders.assertion({ header: { jwk: orders.key.publicJwk } }),
      'unsupported_header',
      null,
    ],
    ['an access token', () => accessToken, 'wrong_typ', null],
    ['text', () => 'x', 'malformed', null],
  ])('%s', async (_what, assertion, reason, client) => {
    accessToken ??= await auth.login();
    reasons();
    const answer = await orders.credentials({ client_assertion: assertion() });
    expect(answer).toMatchObject(oauthError('invalid_client'));
    expect(answer.headers.get('www-authenticate')).toBeNull();
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(Object.keys(answer.body).sort()).toEqual(['error', 'error_description']);
    expect(reasons()).toEqual([[client, reason]]);
  });
  let accessToken: string;

  it('of a client that the client_id does not name', async () => {
    reasons();
    expect(await orders.credentials({ client_id: 'inventory' })).toMatchObject(oauthError('invalid_client'));
    expect(reasons()).toEqual([['orders', 'client_mismatch']]);
  });

  it('of a disabled client', async () => {
    await orders.disable();
    reasons();
    expect(await orders.credentials()).toMatchObject(oauthError('invalid_client'));
    expect(reasons()).toEqual([['orders', 'client_disabled']]);
    await orders.enable();
    expect(await orders.credentials()).toMatchObject({ status: 200 });
  });
});

describe('an assertion is good once', () => {
  it('at the same replica, and at another one', async () => {
    const client_assertion = orders.assertion();
    expect(await orders.credentials({ client_assertion })).toMatchObject({ status: 200 });
    reasons();
    expect(await orders.credentials({ client_assertion })).toMatchObject(oauthError('invalid_client'));
    expect(await orders.credentials({ client_assertion }, other)).toMatchObject(oauthError('invalid_client'));
    expect(reasons()).toEqual([
      ['orders', 'replayed'],
      ['orders', 'replayed'],
    ]);
  });

  it('if 20 requests at two replicas bring it at the same time: one of them gets a token', async () => {
    for (let round = 0; round < 3; round += 1) {
      const client_assertion = orders.assertion();
      const requests = Array.from({ length: 20 }, (_, n) =>
        orders.credentials({ client_assertion }, n % 2 === 0 ? auth : other),
      );
      const statuses = (await Promise.all(requests)).map(({ status }) => status).sort();
      expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 401)]);
    }
  });

  it('also if the request is refused for another reason', async () => {
    const client_assertion = orders.assertion();
    const refused = await orders.credentials({ client_assertion, audience: 'nowhere' });
    expect(refused).toMatchObject(oauthError('invalid_target'));
    expect(await orders.credentials({ client_assertion })).toMatchObject(oauthError('invalid_client'));
  });

  it('and a jti is not taken away from one client by another', async () => {
    const claims = { jti: 'the same' };
    const one = orders.assertion({ claims });
    const two = inventory.assertion({ claims });
    expect(await orders.credentials({ client_assertion: one })).toMatchObject({ status: 200 });
    // It may not have a token, but it was authenticated.
    expect(await inventory.credentials({ client_assertion: two })).toMatchObject(
      oauthError('invalid_target'),
    );
  });

  it('and is forgotten a minute after its end', async () => {
    await auth.owner.query('TRUNCATE client_assertion');
    await auth.owner.query(
      `INSERT INTO client_assertion SELECT 'orders', n, now() - interval '61 seconds' FROM generate_series(1, 150) AS n`,
    );
    await auth.owner.query(
      `INSERT INTO client_assertion VALUES ('orders', 'recent', now() - interval '50 seconds')`,
    );
    const left = async () =>
      (await auth.owner.query<{ jti: string }[]>('SELECT jti FROM client_assertion')).map(({ jti }) => jti);
    await orders.credentials();
    // 100 of the old ones are gone, and the new one is there.
    expect(await left()).toHaveLength(150 - 100 + 1 + 1);
    await orders.credentials();
    expect(await left()).toHaveLength(1 + 2);
    expect(await left()).toContain('recent');
  });
});

describe('a client authenticates in one way', () => {
  const grant = { grant_type: 'client_credentials', audience: 'inventory' };
  const basic = { authorization: `Basic ${Buffer.from('orders:secret').toString('base64')}` };
  const assertionOf = () => ({ client_assertion_type: ASSERTION_TYPE, client_assertion: orders.assertion() });

  it.each<[string, () => Parameters, Record<string, string>]>([
    ['an assertion and a secret', () => ({ ...assertionOf(), client_secret: 'x' }), {}],
    ['an assertion and an Authorization field', assertionOf, basic],
    ['a secret and an Authorization field', () => ({ client_secret: 'x' }), basic],
    ['an assertion without its type', () => ({ client_assertion: orders.assertion() }), {}],
    ['a type without an assertion', () => ({ client_assertion_type: ASSERTION_TYPE }), {}],
  ])('%s: invalid_request', async (_what, parameters, headers) => {
    const answer = await postForm(auth, { ...grant, ...parameters() }, headers);
    expect(answer).toMatchObject(oauthError('invalid_request'));
  });

  it.each<[string, Parameters, Record<string, string>, string | null, string]>([
    ['no authentication', { client_id: 'orders' }, {}, null, 'no_authentication'],
    ['a secret', { client_id: 'orders', client_secret: 'x' }, {}, null, 'unsupported_method'],
    ['a password in the Authorization field', {}, basic, 'Basic realm="oauth"', 'unsupported_method'],
    ['a bearer token', {}, { authorization: 'Bearer x' }, 'Bearer', 'unsupported_method'],
    [
      'another type of assertion',
      {
        client_assertion: 'x',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
      },
      {},
      null,
      'unsupported_method',
    ],
  ])('%s: invalid_client', async (_what, parameters, headers, challenge, reason) => {
    reasons();
    const answer = await postForm(auth, { ...grant, ...parameters }, headers);
    expect(answer).toMatchObject(oauthError('invalid_client'));
    expect(answer.headers.get('www-authenticate')).toBe(challenge);
    expect(reasons()).toEqual([[null, reason]]);
  });
});
