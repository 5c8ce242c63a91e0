import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { createTestIssuer, encryptCompact, createTestRecipient, freePort, serve } from '#testing';
import { authUpstream, TokenEndpoint } from './token-endpoint.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const issuer = createTestIssuer();
const claims = { aud: 'inventory', sub: 'user-1', jti: 'new', client_id: 'orders' };
const subject = { token: 'secret.subject.token', sub: 'user-1' };
const good = () => ({
  access_token: issuer.token(claims),
  issued_token_type: ACCESS_TOKEN,
  token_type: 'Bearer',
  expires_in: 300,
  scope: 'inventory:reserve',
});
const json =
  (status: number, body: unknown): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/** What auth answers, in this order. The last one repeats. */
let answers: Answer[];
let forms: Record<string, string>[];
let assertions: number;
let server: Awaited<ReturnType<typeof serve>>;
let endpoint: TokenEndpoint;
const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);

const assertion = async () => `secret-assertion-${(assertions += 1)}`;

beforeAll(async () => {
  server = await serve((request, response) => {
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    void text(request).then((form) => {
      forms.push(Object.fromEntries(new URLSearchParams(form)));
      answer(request, response);
    });
  });
});
beforeEach(() => {
  [answers, forms, assertions] = [[json(200, good())], [], 0];
  endpoint = new TokenEndpoint({ auth: authUpstream(server.url), assertion });
  logged.mockClear();
});
afterAll(() => server.close());

const exchange = () => endpoint.request({ audience: 'inventory', scope: 'inventory:reserve', subject });
const forItself = () => endpoint.request({ audience: 'inventory', scope: 'inventory:reserve' });
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => ({ code: 'answered' }),
    (error: unknown) => error as { code: string; retryAfterSeconds?: number },
  );

describe('a request for a token', () => {
  it('exchanges the token of the caller', async () => {
    expect(await exchange()).toEqual({
      ...{ token: expect.any(String), expiresInSeconds: 300 },
      ...{ kid: issuer.key.kid, jti: 'new' },
    });
    expect(forms).toEqual([
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: 'secret-assertion-1',
        audience: 'inventory',
        scope: 'inventory:reserve',
        subject_token: subject.token,
        subject_token_type: ACCESS_TOKEN,
      },
    ]);
  });

  it('for the service itself has no subject', async () => {
    answers = [json(200, { ...good(), issued_token_type: undefined })];
    await forItself();
    expect(forms[0]).toMatchObject({ grant_type: 'client_credentials' });
    expect(forms[0]).not.toHaveProperty('subject_token');
  });

  it('takes an encrypted token as it is', async () => {
    const token = encryptCompact(issuer.token(claims), createTestRecipient());
    answers = [json(200, { ...good(), access_token: token })];
    expect(await exchange()).toEqual({ token, expiresInSeconds: 300 });
  });

  it.each<[string, Answer]>([
    ['503', json(503, { error: 'temporarily_unavailable' })],
    ['a broken connection', (request) => request.socket.destroy()],
  ])('is sent again after %s, each time with a new assertion', async (_name, failure) => {
    answers = [failure, failure, json(200, good())];
    await exchange();
    expect(new Set(forms.map((form) => form['client_assertion'])).size).toBe(3);
  });

  it('is sent once more after invalid_client, with a new assertion', async () => {
    answers = [json(401, { error: 'invalid_client' }), json(200, good())];
    await exchange();
    expect(forms.map((form) => form['client_assertion'])).toEqual([
      'secret-assertion-1',
      'secret-assertion-2',
    ]);
    expect(logged).not.toHaveBeenCalled();
  });

  it('says invalid_token if the token of the caller is no longer good', async () => {
    answers = [json(400, { error: 'invalid_grant', error_description: 'x' })];
    expect(await failureOf(exchange())).toMatchObject({ code: 'invalid_token' });
    expect(logged).not.toHaveBeenCalled();
  });

  it.each([
    ['invalid_client', 401, 2],
    ['invalid_scope', 400, 1],
    ['invalid_target', 400, 1],
    ['unauthorized_client', 400, 1],
    ['invalid_request', 400, 1],
  ])('takes %s for a fault of ours: an error in the log, and 503', async (error, status, times) => {
    answers = [json(status, { error })];
    expect(await failureOf(exchange())).toMatchObject({
      code: 'upstream_unavailable',
      retryAfterSeconds: 10,
    });
    expect(forms).toHaveLength(times);
    expect(logged).toHaveBeenCalledTimes(1);
    expect(inspect(logged.mock.calls)).toContain(error);
  });

  it('takes a key that cannot sign for a fault of ours', async () => {
    const broken = async () => Promise.reject(new Error('no such file'));
    endpoint = new TokenEndpoint({ auth: authUpstream(server.url), assertion: broken });
    expect(await failureOf(exchange())).toMatchObject({ code: 'upstream_unavailable' });
    expect(forms).toHaveLength(0);
    expect(logged).toHaveBeenCalledTimes(1);
  });

  it('takes invalid_grant for a fault of ours if there was no token to exchange', async () => {
    answers = [json(400, { error: 'invalid_grant' })];
    expect(await failureOf(forItself())).toMatchObject({ code: 'upstream_unavailable' });
  });

  it.each<[string, Answer]>([
    ['no JSON', (_request, response) => response.end('<html>')],
    ['nothing', (_request, response) => response.end()],
    ['a megabyte', (_request, response) => response.end(Buffer.alloc(1_048_576, ' '))],
    ['a redirect', (_request, response) => response.writeHead(307, { location: '/elsewhere' }).end()],
    ['another token_type', json(200, { ...good(), token_type: 'DPoP' })],
    ['no expires_in', json(200, { ...good(), expires_in: undefined })],
    ['a negative expires_in', json(200, { ...good(), expires_in: -1 })],
    ['a token of two lines', json(200, { ...good(), access_token: 'a\r\nb' })],
    ['a token that is no JWT', json(200, { ...good(), access_token: 'opaque' })],
    ['an ID token', json(200, { ...good(), access_token: issuer.token(claims, { header: { typ: 'JWT' } }) })],
    ['another scope', json(200, { ...good(), scope: 'inventory:write' })],
    ['no issued_token_type', json(200, { ...good(), issued_token_type: undefined })],
    [
      'a token for another service',
      json(200, { ...good(), access_token: issuer.token({ ...claims, aud: 'audit' }) }),
    ],
    [
      'a token of another account',
      json(200, { ...good(), access_token: issuer.token({ ...claims, sub: 'user-2' }) }),
    ],
    ['an error that is none', json(400, { error: { code: 1 } })],
    ['a 401 without an error', json(401, {})],
  ])('refuses an answer of %s', async (_name, answer) => {
    answers = [answer];
    expect(await failureOf(exchange())).toMatchObject({ code: 'upstream_invalid' });
    expect(forms).toHaveLength(1);
  });

  it('says that auth cannot be reached', async () => {
    endpoint = new TokenEndpoint({ auth: authUpstream(`http://127.0.0.1:${await freePort()}`), assertion });
    expect(await failureOf(exchange())).toMatchObject({ code: 'upstream_unavailable', retryAfterSeconds: 1 });
  });

  it.each<[string, Answer]>([
    ['invalid_client', json(401, { error: 'invalid_client' })],
    ['invalid_grant', json(400, { error: 'invalid_grant' })],
    ['a secret in the error', json(400, { error: 'secret.subject.token' })],
    ['no JSON', (_request, response) => response.end('secret.subject.token')],
    ['a broken connection', (request) => request.socket.destroy()],
  ])('shows no secret after %s', async (_name, answer) => {
    answers = [answer];
    const error = await failureOf(exchange());
    expect(error.code).not.toBe('answered');
    expect(inspect([error, logged.mock.calls], { depth: 9 })).not.toContain('secret');
  });
});
