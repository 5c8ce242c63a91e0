import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals';
import { z } from 'zod';
import type { Bearer } from '#trust/nest';
import { createTestIssuer, freePort } from '#testing';
import { withRequest } from '../request-context.js';
import { ServiceError } from '../service-error.js';
import { Circuit } from './circuit.js';
import { ServiceClient } from './service-client.js';
import { Upstream, type UpstreamOptions } from './upstream.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const product = z.strictObject({ sku: z.string(), priceCents: z.int() });
const mug = { sku: 'mug', priceCents: 900 };
const json =
  (status: number, body: unknown): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

const cutOff: Answer = (request) => request.socket.destroy();

/** What the upstream does with each request, in this order. The last one repeats. */
let answers: Answer[] = [];
let requests: IncomingMessage[] = [];
const server = createServer((request, response) => {
  requests.push(request);
  const answer = answers.length > 1 ? answers.shift() : answers[0];
  answer?.(request, response);
});
let baseUrl: string;
let client: ServiceClient;
/** How the calls ended. */
let outcomes: string[] = [];
/** The tokens that calls get, in this order. The last one repeats. */
let tokens: (string | ServiceError)[] = [];
let dropped: string[] = [];

const fakeTokens = {
  get: async () => {
    const token = tokens.length > 1 ? tokens.shift() : tokens[0];
    if (token instanceof ServiceError) throw token;
    return token!;
  },
  drop: (_audience: string, _authority: unknown, token: string) => void dropped.push(token),
};
const clientWith = (options: Partial<UpstreamOptions> = {}) =>
  new ServiceClient({
    upstream: new Upstream({
      name: 'inventory',
      baseUrl,
      timeoutMs: 5_000,
      maxResponseBytes: 1000,
      ...options,
    }),
    tokens: fakeTokens,
    onEnd: (_callee, outcome) => outcomes.push(outcome),
  });

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  client = clientWith();
  [requests, outcomes, tokens, dropped] = [[], [], [], []];
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

  it.each([
    ['a broken connection', 'upstream_unavailable', cutOff],
    ['502', 'upstream_unavailable', json(502, {})],
    ['503', 'upstream_unavailable', json(503, {})],
    ['504', 'upstream_timeout', json(504, {})],
  ])('tries a GET up to three times after %s, and then fails as %s', async (_name, code, failure) => {
    answers = [failure, failure, json(200, mug)];
    expect(await getMug()).toMatchObject({ status: 200 });
    answers = [failure];
    requests = [];
    expect(await codeOf(getMug())).toBe(code);
    expect(requests).toHaveLength(3);
  });

  it.each([
    ['POST', undefined, 1],
    ['POST', true, 3],
    ['PUT', undefined, 3],
    ['DELETE', undefined, 3],
    ['PUT', false, 1],
  ] as const)('sends a %s (idempotent: %s) %i times', async (method, idempotent, times) => {
    answers = [json(503, {})];
    const said = idempotent === undefined ? {} : { idempotent };
    const call = client.call({ method, path: '/products', body: {}, expect: { 201: product }, ...said });
    expect(await codeOf(call)).toBe('upstream_unavailable');
    expect(requests).toHaveLength(times);
  });

  it('says that nobody listens', async () => {
    const absent = clientWith({ baseUrl: `http://127.0.0.1:${await freePort()}` });
    expect(await codeOf(absent.call({ path: '/', expect: {} }))).toBe('upstream_unavailable');
  });

  it.each<[string, Answer]>([
    ['answer', () => undefined],
    ['finish', (_request, response) => void response.writeHead(200).write('{')],
  ])('gives up on an upstream that does not %s, without a second try', async (_name, hang) => {
    client = clientWith({ timeoutMs: 300 });
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

  it('counts how each call ended', async () => {
    answers = [json(200, mug), json(418, {}), json(500, {})];
    await getMug();
    await codeOf(getMug());
    await codeOf(getMug());
    expect(outcomes).toEqual(['answered', 'upstream_invalid', 'upstream_unavailable']);
  });
});

describe('Retry-After', () => {
  const busy =
    (retryAfter: string): Answer =>
    (_request, response) =>
      response.writeHead(503, { 'retry-after': retryAfter }).end();

  it('is waited for if it fits into the deadline', async () => {
    answers = [busy('1'), json(200, mug)];
    const begun = performance.now();
    expect(await getMug()).toMatchObject({ status: 200 });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(990);
  });

  it.each([
    ['seconds', () => '20', 20],
    // A date has whole seconds. The second after the next 20 s has begun, it is 20 s away at least.
    ['a date', () => new Date(Math.ceil(Date.now() / 1000) * 1000 + 19_000).toUTCString(), 20],
    ['more than an hour', () => '99999999999', 3600],
    ['nonsense, which counts as 1 s', () => 'soon', 1],
  ])('of %s is passed on if it does not fit, without a wait', async (_name, field, seconds) => {
    answers = [busy(field())];
    const error = await getMug().catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'upstream_unavailable', retryAfterSeconds: seconds });
    expect(requests.length).toBe(seconds === 1 ? 3 : 1);
  });
});

describe('the deadline', () => {
  beforeEach(() => {
    client = clientWith({ timeoutMs: 300 });
  });
  const hang: Answer = () => undefined;
  const within = <T>(ms: string, work: () => Promise<T>) =>
    withRequest({ id: 'r', headers: { 'x-request-timeout-ms': ms } }, work);

  it('travels as the remaining milliseconds', async () => {
    client = clientWith();
    answers = [json(503, {}), json(200, mug)];
    await getMug();
    const [first, second] = requests.map(({ headers }) => Number(headers['x-request-timeout-ms']));
    expect(first).toBeGreaterThan(3_000);
    expect(first).toBeLessThanOrEqual(5_000);
    expect(second).toBeLessThan(first!);
  });

  it('of the current request shortens a call', async () => {
    answers = [hang];
    client = clientWith({ timeoutMs: 5_000 });
    const begun = performance.now();
    expect(await within('100', () => codeOf(getMug()))).toBe('upstream_timeout');
    expect(performance.now() - begun).toBeLessThan(1_500);
    expect(Number(requests[0]!.headers['x-request-timeout-ms'])).toBeLessThanOrEqual(100);
  });

  it.each(['99999999', 'never', '-1', '1e9'])(
    'of the current request cannot lengthen a call: %s',
    async (ms) => {
      answers = [hang];
      expect(await within(ms, () => codeOf(getMug()))).toBe('upstream_timeout');
      expect(Number(requests[0]!.headers['x-request-timeout-ms'])).toBeLessThanOrEqual(300);
    },
  );

  it('that has passed: nothing is sent', async () => {
    answers = [json(200, mug)];
    expect(await within('0', () => codeOf(getMug()))).toBe('upstream_timeout');
    expect(requests).toHaveLength(0);
  });

  it('counts for all repeats together', async () => {
    answers = [(_request, response) => setTimeout(() => response.writeHead(503).end(), 120)];
    const begun = performance.now();
    expect(['upstream_timeout', 'upstream_unavailable']).toContain(await codeOf(getMug()));
    expect(performance.now() - begun).toBeLessThan(600);
  });
});

describe('the circuit', () => {
  let time = 0;
  const clientThatWaits = (timeoutMs: number) =>
    clientWith({ timeoutMs, circuit: new Circuit({ failures: 3, openMs: 5_000, now: () => time }) });
  beforeEach(() => {
    time = 0;
    client = clientThatWaits(5_000);
  });

  it('opens when the callee is down: calls fail at once, with the time to wait', async () => {
    answers = [cutOff];
    await codeOf(getMug());
    requests = [];
    time = 1_500;
    const error = await getMug().catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'upstream_unavailable', retryAfterSeconds: 4 });
    expect(requests).toHaveLength(0);
  });

  it('lets one call through when its time is over, and closes if that is answered', async () => {
    answers = [cutOff];
    await codeOf(getMug());
    requests = [];
    time = 5_000;
    const held: (() => void)[] = [];
    answers = [
      (request, response) => void held.push(() => json(200, mug)(request, response)),
      json(200, mug),
    ];
    const probe = getMug();
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await codeOf(getMug())).toBe('upstream_unavailable');
    expect(requests).toHaveLength(1);
    held[0]!();
    expect(await probe).toMatchObject({ status: 200 });
    expect(await getMug()).toMatchObject({ status: 200 });
  });

  it('opens after calls that timed out', async () => {
    client = clientThatWaits(300);
    answers = [() => undefined];
    for (let n = 0; n < 3; n += 1) expect(await codeOf(getMug())).toBe('upstream_timeout');
    expect(await codeOf(getMug())).toBe('upstream_unavailable');
    expect(requests).toHaveLength(3);
  });

  it('never opens because callers allow too little time', async () => {
    answers = [() => undefined];
    for (let n = 0; n < 5; n += 1) {
      const impatient = { id: 'r', headers: { 'x-request-timeout-ms': '50' } };
      expect(await withRequest(impatient, () => codeOf(getMug()))).toBe('upstream_timeout');
    }
    expect(requests).toHaveLength(5);
    answers = [json(200, mug)];
    expect(await getMug()).toMatchObject({ status: 200 });
  });

  it('never opens because the callee, too, finds that a caller allows too little time', async () => {
    answers = [json(504, { code: 'deadline_passed' })];
    for (let n = 0; n < 5; n += 1) {
      const impatient = { id: 'r', headers: { 'x-request-timeout-ms': '50' } };
      await withRequest(impatient, () => codeOf(getMug()));
    }
    answers = [json(200, mug)];
    expect(await getMug()).toMatchObject({ status: 200 });
  });

  it('opens by 504 if there was time enough', async () => {
    answers = [json(504, {})];
    await codeOf(getMug());
    requests = [];
    expect(await codeOf(getMug())).toBe('upstream_unavailable');
    expect(requests).toHaveLength(0);
  });

  it.each([400, 401, 403, 404, 409, 429, 500])('never opens by %i', async (status) => {
    answers = [json(status, {})];
    const call = () => client.call({ path: '/', expect: { 200: product } });
    for (let n = 0; n < 5; n += 1) await codeOf(call());
    expect(requests).toHaveLength(5);
  });
});

describe('a call with a token', () => {
  const bearer = { claims: createTestIssuer().claims() } as unknown as Bearer;
  const authority = { onBehalfOf: bearer, scope: 'inventory:reserve' };
  const reserve = () => client.call({ method: 'POST', path: '/r', authority, expect: { 201: product } });
  const sent = () => requests.map(({ headers }) => headers.authorization);

  it('sends it', async () => {
    tokens = ['one'];
    answers = [json(201, mug)];
    expect(await reserve()).toMatchObject({ status: 201 });
    expect(sent()).toEqual(['Bearer one']);
  });

  it('drops it after a 401, and tries again once with a new one, also a POST', async () => {
    tokens = ['one', 'two'];
    answers = [json(401, {}), json(201, mug)];
    expect(await reserve()).toMatchObject({ status: 201 });
    expect([sent(), dropped]).toEqual([['Bearer one', 'Bearer two'], ['one']]);
  });

  it('takes a second 401 for a fault', async () => {
    tokens = ['one', 'two', 'three'];
    answers = [json(401, {})];
    expect(await codeOf(reserve())).toBe('upstream_invalid');
    expect(sent()).toEqual(['Bearer one', 'Bearer two']);
  });

  it('does not try again after a 403', async () => {
    tokens = ['one'];
    answers = [json(403, {})];
    expect(await codeOf(reserve())).toBe('upstream_invalid');
    expect(requests).toHaveLength(1);
  });

  it('is not sent if the token of the caller is no longer good', async () => {
    tokens = [new ServiceError('invalid_token')];
    expect(await codeOf(reserve())).toBe('invalid_token');
    expect([requests.length, outcomes]).toEqual([0, ['invalid_token']]);
  });

  it('shows no token in its errors', async () => {
    tokens = ['very.secret.token'];
    for (const answer of [cutOff, json(401, {}), json(503, {}), json(201, { wrong: 'shape' })]) {
      answers = [answer];
      const error = await reserve().catch((error: unknown) => error);
      expect(inspect(error, { depth: 9 })).not.toContain('secret');
    }
  });
});

it('the compiler refuses a path that would change the host', () => {
  // @ts-expect-error http://inventory@evil.test is another host
  const call: Parameters<ServiceClient['call']>[0] = { path: '@evil.test/', expect: {} };
  expect(call).toBeDefined();
});

const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test('a trace goes on with a new parent in each request, and its state unchanged', async () => {
  answers = [json(503, {}), json(200, mug)];
  await withRequest({ id: 'r', headers: { traceparent: parent, tracestate: 'a=1,b=2' } }, getMug);
  const [first, second] = requests.map(({ headers }) => headers);
  expect(first!['traceparent']).toMatch(
    /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/,
  );
  expect(second!['traceparent']).not.toBe(first!['traceparent']);
  expect(first!['tracestate']).toBe('a=1,b=2');
  requests = [];
  await getMug();
  expect(requests[0]!.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
});
