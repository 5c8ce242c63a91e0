/** Follows issuers that know nothing of statements. */
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { jwtVerify } from 'jose';
import { createTestIssuer, createTestKey, eventually, serve, type TestKey } from '#testing';
import { keysForJose } from './index.js';
import { JwksKeySource, type JwksKeySourceOptions } from './jwks-key-source.js';

type Answer = (response: ServerResponse, request: IncomingMessage) => unknown;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const json =
  (body: unknown): Answer =>
  (response) =>
    response.end(JSON.stringify(body));
const jwksOf = (...keys: TestKey[]): Answer => json({ keys: keys.map(({ publicJwk }) => publicJwk) });

async function startIssuer(...keys: TestKey[]) {
  const state = { jwks: jwksOf(...keys), metadata: undefined as Answer | undefined, fetches: 0 };
  const server = await serve((request, response) => {
    if (request.url === '/realms/cats/.well-known/openid-configuration')
      return (state.metadata ?? json({ issuer: issuer.url, jwks_uri: `${server.url}/jwks` }))(
        response,
        request,
      );
    state.fetches += 1;
    return state.jwks(response, request);
  });
  closers.push(server.close);
  const issuer = { state, url: `${server.url}/realms/cats`, jwksUri: `${server.url}/jwks` };
  return issuer;
}

async function follow(options: JwksKeySourceOptions) {
  const logged: string[] = [];
  const source = new JwksKeySource({ log: (message) => logged.push(message), ...options });
  closers.push(() => source.close());
  await source.start();
  const { token } = createTestIssuer();
  const verify = (signWith: TestKey) => jwtVerify(token({}, { signWith }), keysForJose(source));
  return { source, logged, verify };
}

const coded = (code: string): object => expect.objectContaining({ code });

describe('keys', () => {
  it('are found by the metadata of the issuer, and feed another verifier', async () => {
    const key = createTestKey();
    const { url } = await startIssuer(key);
    const { verify, source, logged } = await follow({ issuer: url });
    await expect(verify(key)).resolves.toMatchObject({ payload: { sub: 'user-1' } });
    expect([source.facts().kids, logged]).toEqual([[key.kid], []]);
  });

  it('of a rotation are fetched when the first token names them', async () => {
    const [older, newer] = [createTestKey(), createTestKey('RS256')];
    const { jwksUri, state } = await startIssuer(older);
    const { verify } = await follow({ jwksUri });
    state.jwks = jwksOf(newer, older);
    await expect(verify(newer)).resolves.toBeDefined();
    await expect(verify(older)).resolves.toBeDefined();
  });

  it('that have moved to another address are found there', async () => {
    const [older, newer] = [createTestKey(), createTestKey()];
    const [{ url, state }, elsewhere] = [await startIssuer(older), await startIssuer(newer)];
    const { verify } = await follow({ issuer: url, refreshSeconds: 0.05 });
    state.metadata = json({ issuer: url, jwks_uri: elsewhere.jwksUri });
    await eventually(() => verify(newer));
    await expect(verify(older)).rejects.toThrow(coded('unknown_kid'));
  });

  it('that were removed are refused after the next fetch', async () => {
    const [kept, removed] = [createTestKey(), createTestKey()];
    const { jwksUri, state } = await startIssuer(kept, removed);
    const { verify } = await follow({ jwksUri, refreshSeconds: 0.05 });
    await verify(removed);
    state.jwks = jwksOf(kept);
    await eventually(async () =>
      verify(removed).then(
        () => false,
        () => true,
      ),
    );
    await expect(verify(kept)).resolves.toBeDefined();
  });

  it('stay the same objects as long as the issuer repeats them', async () => {
    const key = createTestKey();
    const { jwksUri, state } = await startIssuer(key);
    const { source } = await follow({ jwksUri, refreshSeconds: 0.05 });
    const first = await source.keyFor(key);
    const { fetches } = state;
    await eventually(() => state.fetches > fetches + 1);
    expect(await source.keyFor(key)).toBe(first);
  });

  it('without alg are used as their curve says, or for RS256', async () => {
    const [ec, rsa] = [createTestKey('ES384'), createTestKey('RS256')];
    const { jwksUri, state } = await startIssuer();
    state.jwks = json({ keys: [ec, rsa].map(({ publicJwk }) => ({ ...publicJwk, alg: undefined })) });
    const { source, verify } = await follow({ jwksUri });
    await expect(verify(ec)).resolves.toBeDefined();
    await expect(verify(rsa)).resolves.toBeDefined();
    await expect(source.keyFor({ kid: rsa.kid, alg: 'PS256' })).rejects.toThrow(coded('alg_mismatch'));
  });

  it('that cannot be used are left out, and the others are used', async () => {
    const good = createTestKey();
    const { jwksUri, state } = await startIssuer();
    const ed25519 = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    const other = createTestKey();
    state.jwks = json({
      keys: [
        { ...ed25519, kid: 'ed25519', alg: 'EdDSA', use: 'sig' },
        { kty: 'oct', k: 'c2VjcmV0', kid: 'secret', alg: 'HS256' },
        { ...other.privateKey.export({ format: 'jwk' }), kid: 'private', alg: 'ES256' },
        { ...other.publicJwk, kid: 'encryption', use: 'enc' },
        { ...other.publicJwk, kid: undefined },
        { ...other.publicJwk, kid: '__proto__', x: 'AA' },
        null,
        { kty: 'X', kid: 'odd', crv: { toString: 1 } },
        good.publicJwk,
        { ...other.publicJwk, kid: good.kid },
      ],
    });
    const { source, verify, logged } = await follow({ jwksUri });
    expect(source.facts().kids).toEqual([good.kid]);
    expect(logged).toEqual([
      expect.stringMatching(/^9 of 10 keys of the issuer are left out\. A key needs a kid/),
    ]);
    await expect(verify(good)).resolves.toBeDefined();
  });
});

it('a flood of unknown kids causes one fetch a second, and does not delay a known kid', async () => {
  const key = createTestKey();
  const { jwksUri, state } = await startIssuer(key);
  const { source } = await follow({ jwksUri });
  await delay(1_100); // so that a fetch may begin at once, and a busy machine has the time of the wait for it
  const before = state.fetches;
  const flood = Array.from({ length: 1_500 }, (_, n) => source.keyFor({ kid: `unknown-${n}`, alg: 'ES256' }));
  const verdicts = Promise.allSettled(flood);
  await source.keyFor(key);
  expect(state.fetches - before).toBeLessThanOrEqual(1);
  const codes = (await verdicts).map((verdict) => (verdict as { reason?: { code: string } }).reason?.code);
  const count = (code: string) => codes.filter((each) => each === code).length;
  // 1,000 wait for one fetch. The others are told at once to try again.
  expect([count('unknown_kid'), count('trust_stale')]).toEqual([1_000, 500]);
  expect(state.fetches - before).toBe(1);
});

describe('an issuer that', () => {
  it.each<[string, Answer, string]>([
    ['answers 500', (response) => response.writeHead(500).end(), 'answers 500'],
    ['redirects', (response) => response.writeHead(302, { location: '/elsewhere' }).end(), 'redirect'],
    ['answers HTML', (response) => response.end('<html>'), 'JSON'],
    ['answers a list', json([]), 'object'],
    ['has no keys', json({}), 'no list of at most 100 keys'],
    [
      'has too many keys',
      json({ keys: Array(101).fill(createTestKey().publicJwk) }),
      'no list of at most 100 keys',
    ],
    ['sends 5 MB', (response) => response.end(Buffer.alloc(5_000_000, ' ')), 'more than 262144 bytes'],
    ['hangs up', (response) => response.destroy(), 'fetch failed'],
    ['does not answer', () => undefined, 'timeout'],
    ['begins to answer and stalls', (response) => response.write('{"keys":['), 'timeout'],
  ])('%s: no token is accepted, and the log says why', async (_what, answer, reason) => {
    const key = createTestKey();
    const { jwksUri, state } = await startIssuer(key);
    state.jwks = answer;
    const { verify, logged } = await follow({ jwksUri, timeoutSeconds: 0.2 });
    await expect(verify(key)).rejects.toThrow(coded('trust_stale'));
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(reason);
  });

  it('is away: its last keys are used for a while', async () => {
    const key = createTestKey();
    const { jwksUri, state } = await startIssuer(key);
    const { verify, logged } = await follow({ jwksUri, refreshSeconds: 0.05, maxAgeSeconds: 3 });
    state.jwks = (response) => response.destroy();
    await eventually(() => logged.length === 1);
    await expect(verify(key)).resolves.toBeDefined();
    await eventually(async () =>
      verify(key).then(
        () => false,
        () => true,
      ),
    );
    await expect(verify(key)).rejects.toThrow(coded('trust_stale'));
    state.jwks = jwksOf(key);
    await eventually(() => verify(key));
    expect(logged).toEqual([
      expect.stringContaining('cannot be fetched'),
      'the keys of the issuer can be fetched',
    ]);
  });

  it.each<[string, object, string]>([
    ['is another one', { issuer: 'https://another.test', jwks_uri: 'http://127.0.0.1:1/' }, 'another issuer'],
    ['has no jwks_uri', {}, 'no jwks_uri'],
    ['names one without TLS', { jwks_uri: 'http://keys.test/jwks' }, 'Expected: https'],
    ['names a file', { jwks_uri: 'file:///etc/passwd' }, 'Expected: https'],
  ])('%s by its metadata', async (_what, members, reason) => {
    const key = createTestKey();
    const { url, state } = await startIssuer(key);
    state.metadata = json({ issuer: url, ...members });
    const { verify, logged } = await follow({ issuer: url });
    await expect(verify(key)).rejects.toThrow(coded('trust_stale'));
    expect(logged).toEqual([expect.stringContaining(reason)]);
    expect(state.fetches).toBe(0);
  });
});

it('an issuer elsewhere cannot make it send requests to this machine', async () => {
  const { jwksUri, state } = await startIssuer(createTestKey());
  const issuer = 'https://issuer.test';
  const real = fetch;
  const faked = jest
    .spyOn(globalThis, 'fetch')
    .mockImplementation((url, init) =>
      url === `${issuer}/.well-known/openid-configuration`
        ? Promise.resolve(Response.json({ issuer, jwks_uri: jwksUri }))
        : real(url, init),
    );
  const { logged } = await follow({ issuer });
  expect([state.fetches, logged]).toEqual([0, [expect.stringContaining('Expected: https')]]);
  faked.mockRestore();
});

it.each<[JwksKeySourceOptions, string]>([
  [{}, 'needs issuer or jwksUri'],
  [{ issuer: 'https://a.test', jwksUri: 'https://a.test/jwks' }, 'needs issuer or jwksUri'],
  [{ jwksUri: 'http://keys.test/jwks' }, 'Expected: https'],
  [{ jwksUri: 'http://127.0.0.1.keys.test/jwks' }, 'Expected: https'],
  [{ jwksUri: 'keys' }, 'Invalid URL'],
  [{ jwksUri: 'https://a.test', refreshSeconds: 0 }, 'refreshSeconds not allowed'],
  [{ jwksUri: 'https://a.test', maxAgeSeconds: NaN }, 'maxAgeSeconds not allowed'],
  [{ jwksUri: 'https://a.test', refreshSeconds: 30 * 86_400 }, 'refreshSeconds not allowed'],
])('options %j are refused: %s', (options, message) => {
  expect(() => new JwksKeySource(options)).toThrow(message);
});

it('a log that throws disturbs nothing', async () => {
  const key = createTestKey();
  const { jwksUri, state } = await startIssuer();
  state.jwks = (response) => response.destroy();
  const log = () => {
    throw new Error('the disk is full');
  };
  const { verify } = await follow({ jwksUri, log });
  state.jwks = jwksOf(key);
  await eventually(() => verify(key));
});

it('a program that only waits for a key does not end before it has the answer', async () => {
  const { jwksUri } = await startIssuer(createTestKey());
  const program = `
    import { JwksKeySource } from '${new URL('../../../../dist/libs/trust/src/adapters/index.js', import.meta.url).href}';
    const source = new JwksKeySource({ jwksUri: '${jwksUri}' });
    await source.start();
    await source.keyFor({ kid: 'unknown', alg: 'ES256' }).catch(({ code }) => console.log(code));
    await source.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  expect([printed, code]).toEqual(['unknown_kid\n', 0]);
});

it('http is allowed to another machine if somebody says so', () => {
  expect(() => new JwksKeySource({ jwksUri: 'http://keycloak:8080/jwks', allowHttp: true })).not.toThrow();
});
