import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { freePort } from '#testing';
import { withRequest } from './request-context.js';
import { ServiceClient } from './service-client.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const product = z.strictObject({ sku: z.string(), priceCents: z.int() });
const mug = { sku: 'mug', priceCents: 900 };
const json =
  (status: number, body: unknown): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/** What the upstream does with each request, in this order. The last one repeats. */
let answers: Answer[] = [];
let requests: IncomingMessage[] = [];
const server = createServer((request, response) => {
  requests.push(request);
  const answer = answers.length > 1 ? answers.shift() : answers[0];
  answer?.(request, response);
});
let client: ServiceClient;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new ServiceClient({ baseUrl, timeoutMs: 300, maxResponseBytes: 1000 });
});
beforeEach(() => {
  requests = [];
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const getMug = () => client.call({ path: '/products/mug', expect: { 200: product, 404: z.unknown() } });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  );

describe('ServiceClient', () => {
  it('answers with status and checked body, told apart by the status', async () => {
    answers = [json(200, mug), json(404, {})];
    const found = await getMug();
    expect(found.status === 200 && found.body.priceCents).toBe(900);
    expect(await getMug()).toMatchObject({ status: 404 });
  });

  it('sends the body and passes the request id on', async () => {
    answers = [json(201, mug)];
    const call = { method: 'POST', path: '/products', body: mug, expect: { 201: product } } as const;
    await withRequest({ id: 'r-1' }, () => client.call({ ...call, headers: { authorization: 'Bearer t' } }));
    const expected = { 'x-request-id': 'r-1', 'content-type': 'application/json', authorization: 'Bearer t' };
    expect(requests[0]?.headers).toMatchObject(expected);
  });

  const cut: Answer = (request) => request.socket.destroy();
  it.each([
    ['a broken connection', cut],
    ['502', json(502, {})],
    ['503', json(503, {})],
    ['504', json(504, {})],
  ])('tries a GET once more after %s', async (_name, failure) => {
    answers = [failure, json(200, mug)];
    expect(await getMug()).toMatchObject({ status: 200 });
    answers = [failure];
    requests = [];
    expect(await codeOf(getMug())).toBe('upstream_unavailable');
    expect(requests).toHaveLength(2);
  });

  it('tries a POST once only', async () => {
    answers = [json(503, {})];
    const call = client.call({ method: 'POST', path: '/products', body: {}, expect: { 201: product } });
    expect(await codeOf(call)).toBe('upstream_unavailable');
    expect(requests).toHaveLength(1);
  });

  it('says that nobody listens', async () => {
    const absent = new ServiceClient({ baseUrl: `http://127.0.0.1:${await freePort()}` });
    expect(await codeOf(absent.call({ path: '/', expect: {} }))).toBe('upstream_unavailable');
  });

  it.each<[string, Answer]>([
    ['answer', () => undefined],
    ['finish', (_request, response) => void response.writeHead(200).write('{')],
  ])('gives up on an upstream that does not %s, without a second try', async (_name, hang) => {
    answers = [hang];
    expect(await codeOf(getMug())).toBe('upstream_timeout');
    expect(requests).toHaveLength(1);
  });

  it.each<[string, Answer]>([
    ['another shape', json(200, { sku: 'mug', priceCents: '900' })],
    ['no JSON', (_request, response) => response.end('<html>')],
    [
      'bytes that are not UTF-8',
      (_request, response) => response.end(Buffer.from('{"sku":"mug\u00e9","priceCents":900}', 'latin1')),
    ],
    ['nothing', (_request, response) => response.end()],
    ['too much', json(200, 'x'.repeat(2000))],
    ['a status without a meaning', json(418, {})],
  ])('refuses an answer of %s', async (_name, answer) => {
    answers = [answer];
    expect(await codeOf(getMug())).toBe('upstream_invalid');
  });

  it('follows no redirect', async () => {
    answers = [
      (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
      json(200, mug),
    ];
    expect(await codeOf(getMug())).toBe('upstream_invalid');
    expect(requests).toHaveLength(1);
  });

  it('takes 500 and 429 for a service that cannot be used now', async () => {
    answers = [json(500, {}), json(429, {})];
    expect(await codeOf(getMug())).toBe('upstream_unavailable');
    expect(await codeOf(getMug())).toBe('upstream_unavailable');
  });
});
