/** A verifier without a framework: over HTTP, over a real nats-server, and from its statement file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  connectTo,
  createTestIssuer,
  createTestKey,
  createTestRecipient,
  eventually,
  serve,
  startTestNats,
  startTestPublisher,
} from '#testing';
import { callerOf } from './hosts/express.js';
import { openTrust, type TrustOptions } from './open-trust.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Opens a verifier, and an issuer whose statement it fetches. `away` makes the issuer answer 503. */
async function setUp(options: Partial<TrustOptions> = {}) {
  const state = { statement: '', away: false };
  const server = await serve((_request, response) => {
    response.statusCode = state.away ? 503 : 200;
    response.end(state.statement);
  });
  closers.push(server.close);
  const issuer = createTestIssuer({ issuer: server.url });
  state.statement = issuer.statement();
  const facts = { issuer: issuer.issuer, audience: 'cats', anchors: issuer.anchors };
  const open = async (more: Partial<TrustOptions> = {}) => {
    const trust = await openTrust({ ...facts, ...options, ...more });
    closers.push(trust.close);
    return trust;
  };
  const token = (claims = {}, signing = {}) => issuer.token({ aud: 'cats', ...claims }, signing);
  return { issuer, state, open, token, trust: await open() };
}

const request = (...fields: string[]) => ({ rawHeaders: fields });

test('it is ready when it is open, verifies tokens, and counts what came of them', async () => {
  const { issuer, trust, token } = await setUp();
  expect(trust.isReady()).toBe(true);
  await expect(trust.verify(token())).resolves.toMatchObject({ sub: 'user-1', aud: 'cats' });
  await expect(trust.verify(token({ aud: 'dogs' }))).rejects.toMatchObject({
    name: 'TrustError',
    code: 'wrong_audience',
  });
  await expect(trust.verify('no token')).rejects.toMatchObject({ code: 'malformed' });
  expect(trust.facts()).toMatchObject({
    audience: 'cats',
    issuer: issuer.issuer,
    freshness: 'confirmed',
    epoch: 1,
    requests: { accepted: 1, wrong_audience: 1, malformed: 1 },
  });
});

test('an audience that a route gives does not replace that of the service', async () => {
  const { trust, token } = await setUp();
  const required = { audience: 'dogs' } as object;
  await expect(trust.verify(token({ aud: 'dogs' }), required)).rejects.toMatchObject({
    code: 'wrong_audience',
  });
  const { refusal } = await trust.judge(
    request('Authorization', `Bearer ${token({ aud: 'dogs' })}`),
    required,
  );
  expect(refusal).toMatchObject({ status: 401 });
});

test.each(['issuer', 'audience'])('without the %s it does not open', async (name) => {
  const { anchors } = createTestIssuer();
  const facts = { issuer: 'https://issuer.test', audience: 'cats', anchors, [name]: '' };
  await expect(openTrust(facts)).rejects.toThrow(`a verifier needs the ${name}`);
});

describe('the answer to a refused request', () => {
  test.each([
    [
      'no token',
      [],
      401,
      'Bearer resource_metadata="https://cats.test/.well-known/oauth-protected-resource"',
    ],
    [
      'two Authorization fields',
      ['Authorization', 'Bearer x', 'authorization', 'Bearer y'],
      400,
      'Bearer error="invalid_request", resource_metadata="https://cats.test/.well-known/oauth-protected-resource"',
    ],
  ])('%s', async (_name, fields, status, challenge) => {
    const { trust } = await setUp({ resourceUrl: 'https://cats.test' });
    const { refusal } = await trust.judge(request(...fields));
    expect(refusal).toMatchObject({
      status,
      headers: { 'content-type': 'application/problem+json', 'www-authenticate': challenge },
    });
    expect(JSON.parse(refusal!.body)).toMatchObject({ type: 'about:blank', status });
  });

  test('an issuer that cannot be reached: 503 and Retry-After, after a wait of 3 s', async () => {
    const { state, open, token } = await setUp();
    state.away = true;
    const trust = await open();
    expect(trust.isReady()).toBe(false);
    const { refusal } = await trust.judge(request('Authorization', `Bearer ${token()}`));
    expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(refusal!.headers).not.toHaveProperty('www-authenticate');
  });
});

test('callerOf throws for a request that requireToken did not let in', () => {
  expect(() => callerOf({})).toThrow('without requireToken');
});

test('over NATS a session is revoked at once, also for a token that was accepted before', async () => {
  const nats = await startTestNats();
  closers.push(nats.close);
  const publisher = await startTestPublisher(nats);
  closers.push(publisher.close);
  const connection = connectTo(nats, 'orders');
  closers.push(async () => (await connection).close());
  const { issuer, open } = await setUp();
  await publisher.publishStatement(issuer.statement());
  const trust = await open({ audience: 'orders', nats: { connection, service: 'orders', instance: 'one' } });
  expect(trust.facts()).toMatchObject({ pushed: true });
  const token = issuer.token();
  const strict = { strict: true };
  await eventually(() => trust.verify(token, strict));

  await publisher.publishRevocation(1, issuer.revocation(1, { sid: 'session-1' }));
  await eventually(async () => {
    const { refusal } = await trust.judge(request('Authorization', `Bearer ${token}`));
    return refusal?.status === 401;
  });
  await expect(trust.verify(token)).rejects.toMatchObject({ code: 'revoked' });
});

test('where tokens are encrypted, other libraries get no key: they would accept a token that is only signed', async () => {
  const { issuer, open } = await setUp();
  const trust = await open({ decryptionKey: createTestRecipient().privateJwk });
  await expect(trust.keyFor(issuer.key)).rejects.toMatchObject({ code: 'not_encrypted' });
});

test('with a statement file it is ready while the issuer is away', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'test-open-trust-'));
  closers.push(() => rm(folder, { recursive: true }));
  const statementFile = join(folder, 'statement');
  const { state, open, token, trust } = await setUp({ statementFile });
  await trust.close();
  state.away = true;
  const next = await open();
  expect(next.isReady()).toBe(true);
  await expect(next.verify(token())).resolves.toMatchObject({ sub: 'user-1' });
  await expect(next.verify(token({}, { signWith: createTestKey() }))).rejects.toMatchObject({
    code: 'trust_stale',
  });
});
