import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { serve } from '#testing';
import { startSample, type SampleApp } from './sample-app.js';

describe('the call of partner', () => {
  let app: SampleApp;
  let callee: Awaited<ReturnType<typeof startFakeCallee>>;
  const call = (claims = {}) =>
    app.send('GET', '/callees/partner', { token: app.token({ scope: 'sample:write', ...claims }) });

  beforeAll(async () => {
    callee = await startFakeCallee();
    app = await startSample({ partnerUrl: callee.url });
  });
  afterEach(() => {
    callee.reset();
    app.tokenEndpoint.error = undefined;
  });
  afterAll(async () => {
    await app.close();
    await callee.close();
  });

  it('is made in the name of the account, with a token that is only for that', async () => {
    const claims = { sub: 'user-7', sid: 'session-7', jti: randomUUID() };
    expect(await call(claims)).toMatchObject({
      status: 200,
      body: { accountId: 'user-7', scope: 'partner:call' },
    });
    expect(callee.asked).toMatchObject([
      {
        request: 'GET /callers/sample',
        claims: {
          aud: 'partner',
          scope: 'partner:call',
          sub: 'user-7',
          sid: 'session-7',
          txn: claims.jti,
          act: { sub: 'sample' },
        },
      },
    ]);
  });

  it.each([
    ['without the scope', 403, { scope: 'another:write' }, 'insufficient_scope'],
    ['for another service', 401, { aud: 'another' }, 'invalid_token'],
  ])('is not made with a token %s: %i', async (_what, status, claims, code) => {
    expect(await call(claims)).toMatchObject({ status, body: { code } });
    expect(callee.asked).toEqual([]);
  });

  it('is not made without a token: 401', async () => {
    expect(await app.send('GET', '/callees/partner')).toMatchObject({
      status: 401,
      body: { code: 'missing_token' },
    });
    expect(callee.asked).toEqual([]);
  });

  it('is not made if auth no longer accepts the token of the account: 401', async () => {
    app.tokenEndpoint.error = 'invalid_grant';
    expect(await call()).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    expect(callee.asked).toEqual([]);
  });

  it.each([
    ['refuses', 502, 'upstream_invalid', { status: 403, body: { code: 'wrong_actor' } }],
    ['is down', 503, 'upstream_unavailable', { status: 503, body: {} }],
    [
      'answers for another account',
      502,
      'upstream_invalid',
      { status: 200, body: { accountId: 'another', scope: 'partner:call' } },
    ],
  ])('fails if partner %s: %i', async (_what, status, code, answer) => {
    callee.answer = answer;
    expect(await call()).toMatchObject({ status, body: { code } });
  });
});

/** Stands for partner. It answers for the account of the token, unless `answer` is set. */
async function startFakeCallee() {
  const fake = {
    /** The requests in their order, each with the claims of its token. */
    asked: [] as { request: string; claims: Readonly<Record<string, unknown>> }[],
    answer: undefined as { status: number; body: object } | undefined,
    reset() {
      fake.asked = [];
      fake.answer = undefined;
    },
  };
  const server = await serve(({ method, url, headers }, response) => {
    const payload = Buffer.from(headers.authorization?.split('.')[1] ?? '', 'base64url').toString();
    const claims = JSON.parse(payload || '{}') as Record<string, unknown>;
    fake.asked.push({ request: `${method} ${url}`, claims });
    const usual = { status: 200, body: { accountId: claims['sub'], scope: claims['scope'] } };
    const { status, body } = fake.answer ?? usual;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  return Object.assign(fake, server);
}
