import { beforeEach, describe, expect, it } from '@jest/globals';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestKey, fakeClock, published, type TestIssuer } from '#testing';
import { Bearer, KeyRing } from '#trust/nest';
import { ServiceError } from '../service-error.js';
import { Deadline } from './deadline.js';
import { ServiceTokens, type Authority, type TokenSource } from './service-tokens.js';
import type { IssuedToken, TokenRequest } from './token-endpoint.js';

const clock = fakeClock();
let issuer: TestIssuer;
let ring: KeyRing;
let requests: TokenRequest[];
let sources: TokenSource[];
let tokens: ServiceTokens;
/** What auth answers; by default a new token for 300 s. */
let auth: (request: TokenRequest) => Promise<Partial<IssuedToken>>;

beforeEach(() => {
  issuer = createTestIssuer({ clock: clock.now });
  ring = new KeyRing({ issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor), clock: clock.now });
  ring.accept(issuer.statement(), 'nats');
  [requests, sources] = [[], []];
  auth = async () => ({});
  tokens = makeTokens();
});

function makeTokens(cacheSize?: number) {
  return new ServiceTokens({
    service: 'orders',
    ring,
    now: clock.now,
    onFound: (source) => sources.push(source),
    ...(cacheSize && { cacheSize }),
    request: async (request) => {
      requests.push(request);
      const n = requests.length;
      const { kid } = issuer.key;
      return { token: `token-${n}`, jti: `jti-${n}`, kid, expiresInSeconds: 300, ...(await auth(request)) };
    },
  });
}

const bearerOf = (claims = {}) => new Bearer('raw-token', issuer.claims(claims) as never);
const forUser = (onBehalfOf: Bearer, scope = 'inventory:reserve'): Authority => ({ onBehalfOf, scope });
const forItself: Authority = { forItself: true, scope: 'inventory:reserve' };
const get = (authority: Authority, audience = 'inventory') =>
  tokens.get(audience, authority, Deadline.after(1_000));

describe('a held token', () => {
  it('is found by the jti of the subject token, the audience and the scope', async () => {
    const user = forUser(bearerOf());
    expect(await get(user)).toBe('token-1');
    expect(await get(user)).toBe('token-1');
    expect(await get(user, 'audit')).toBe('token-2');
    expect(await get(forUser((user as { onBehalfOf: Bearer }).onBehalfOf, 'inventory:read'))).toBe('token-3');
    expect(await get(forItself)).toBe('token-4');
    expect(await get(forItself)).toBe('token-4');
    expect(requests[0]).toEqual({
      ...{ audience: 'inventory', scope: 'inventory:reserve' },
      subject: { token: 'raw-token', sub: 'user-1' },
    });
    expect(requests[3]).toEqual({ audience: 'inventory', scope: 'inventory:reserve' });
    expect(sources).toEqual(['requested', 'cached', 'requested', 'requested', 'requested', 'cached']);
  });

  it('never serves another session, or another token, of the same account', async () => {
    const first = await get(forUser(bearerOf({ sid: 'session-1', jti: 'one' })));
    const second = await get(forUser(bearerOf({ sid: 'session-2', jti: 'two' })));
    const third = await get(forUser(bearerOf({ sid: 'session-1', jti: 'three' })));
    expect(new Set([first, second, third]).size).toBe(3);
  });

  it.each([
    [300, 290],
    [60, 54],
    [10, 9],
  ])('that lives for %i s is used for %i s', async (expiresInSeconds, usedSeconds) => {
    auth = async () => ({ expiresInSeconds });
    await get(forItself);
    clock.advance(usedSeconds * 1000 - 1);
    expect(await get(forItself)).toBe('token-1');
    clock.advance(1);
    expect(await get(forItself)).toBe('token-2');
  });

  it('counts its life from the request, not from the answer', async () => {
    auth = async () => {
      clock.advance(1_000);
      return {};
    };
    await get(forItself);
    clock.advance(289_000);
    await get(forItself);
    expect(requests).toHaveLength(2);
  });

  it.each<[string, Parameters<TestIssuer['revocation']>[1]]>([
    ['itself', { jti: 'jti-1' }],
    ['its subject token', { jti: 'subject' }],
    ['the first token of the chain', { jti: 'first' }],
    ['its session', { sid: 'session-1' }],
    ['this service', { client_id: 'orders' }],
    ['the client of the subject token', { client_id: 'web' }],
    ['a client in the chain', { client_id: 'shop' }],
  ])('is dropped when a revocation names %s', async (_name, revoked) => {
    const user = forUser(bearerOf({ jti: 'subject', txn: 'first', act: { sub: 'shop' } }));
    await get(user);
    ring.revocations.add(issuer.revocation(1, { sid: 'another' }));
    expect(await get(user)).toBe('token-1');
    ring.revocations.add(issuer.revocation(2, revoked));
    expect(await get(user)).toBe('token-2');
  });

  it('is dropped when its key leaves the key ring', async () => {
    await get(forItself);
    ring.accept(issuer.statement({ keys: [published(createTestKey())] }), 'nats');
    expect(await get(forItself)).toBe('token-2');
  });

  it('whose key is not in the ring yet is kept, until the key has come and left', async () => {
    const next = createTestKey();
    auth = async () => ({ kid: next.kid });
    await get(forItself);
    expect(await get(forItself)).toBe('token-1');
    ring.accept(issuer.statement({ keys: [published(next)] }), 'nats');
    expect(await get(forItself)).toBe('token-1');
    ring.accept(issuer.statement({ keys: [published(issuer.key)] }), 'nats');
    expect(await get(forItself)).toBe('token-2');
  });

  it('is dropped on demand, but not a newer one', async () => {
    await get(forItself);
    tokens.drop('inventory', forItself, 'token-1');
    expect(await get(forItself)).toBe('token-2');
    tokens.drop('inventory', forItself, 'token-1');
    expect(await get(forItself)).toBe('token-2');
  });

  it('makes room for others when there are too many', async () => {
    tokens = makeTokens(2);
    for (const jti of ['a', 'b', 'a', 'c', 'a', 'b']) await get(forUser(bearerOf({ jti })));
    expect(sources).toEqual(['requested', 'requested', 'cached', 'requested', 'cached', 'requested']);
  });
});

describe('at the same time', () => {
  it('a thousand calls with one token make one request', async () => {
    const user = forUser(bearerOf());
    const all = await Promise.all(Array.from({ length: 1_000 }, () => get(user)));
    expect(new Set(all)).toEqual(new Set(['token-1']));
    expect(requests).toHaveLength(1);
    expect(sources.filter((source) => source === 'shared')).toHaveLength(999);
  });

  it('they share a failure, and the next call asks again', async () => {
    auth = async () => Promise.reject(new ServiceError('invalid_token'));
    const results = await Promise.allSettled([get(forItself), get(forItself)]);
    expect(results).toMatchObject([
      { reason: { code: 'invalid_token' } },
      { reason: { code: 'invalid_token' } },
    ]);
    expect(requests).toHaveLength(1);
    auth = async () => ({});
    expect(await get(forItself)).toBe('token-2');
  });

  it('one call that cannot wait does not end the request for the others', async () => {
    let answer = () => undefined as unknown;
    auth = () => new Promise((resolve) => (answer = () => resolve({})));
    const short = tokens.get('inventory', forItself, Deadline.after(10));
    const long = get(forItself);
    await expect(short).rejects.toMatchObject({ code: 'upstream_timeout' });
    answer();
    expect(await long).toBe('token-1');
  });
});

it('the compiler asks for a caller, or for the words that the service acts for itself', () => {
  // @ts-expect-error neither
  const neither: Authority = { scope: 'inventory:reserve' };
  expect(neither).toBeDefined();
});
