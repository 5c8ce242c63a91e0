/** Sends requests that no route sees, byte by byte. Each gets an answer of ours, and it is logged and measured. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Body, Controller, Get, Module, Param, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { eventually } from '#testing';
import { createHttpApp } from './http-app.js';
import { createLogger } from './logging.js';
import { receiveTimes } from './receiving.js';

const orderSchema = z.strictObject({ note: z.string() });
const origin = 'https://app.example';

let arrived: () => void;
let release: Promise<void>;

@Controller()
class TinyController {
  @Post('orders')
  order(@Body({ schema: orderSchema }) body: z.output<typeof orderSchema>) {
    return body;
  }

  @Get('orders/:id')
  one(@Param('id', { schema: z.string().max(200) }) id: string) {
    return { id };
  }

  @Get('slow')
  async slow() {
    arrived();
    await release;
    return { done: true };
  }
}

@Module({ controllers: [TinyController] })
class TinyModule {}

type Line = Record<string, unknown>;
const lines: Line[] = [];
const logger = createLogger({
  service: 'tiny',
  level: 'debug',
  destination: { write: (line) => lines.push(JSON.parse(line) as Line) },
});

const stallMs = 300;
/** Less than 30 s, which is Node's default interval for late requests. */
const withinMs = 10_000;
let app: NestFastifyApplication;
let port: number;
beforeAll(async () => {
  app = await createHttpApp(TinyModule, {
    service: 'tiny',
    version: '1',
    logger,
    settings: { bodyLimitBytes: 65536, corsAllowedOrigins: [origin], logLevel: 'debug' },
    receiving: { headersTimeout: stallMs, requestTimeout: stallMs, connectionsCheckingInterval: 50 },
  });
  await app.listen(0, '127.0.0.1');
  port = Number(new URL(await app.getUrl()).port);
});
afterAll(() => app.close());
beforeEach(() => void lines.splice(0));

/** Sends text unchanged. Returns everything that arrives until the server closes the connection. */
async function send(text: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let answer = '';
  socket.on('data', (chunk) => (answer += String(chunk)));
  // A server may close before it has read everything.
  socket.on('error', () => undefined);
  socket.write(text);
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  socket.destroy();
  return answer;
}

const message = (start: string, fields: readonly string[], content = '') =>
  [`${start} HTTP/1.1`, 'connection: close', ...fields, '', content].join('\r\n');

const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();

/** Returns the value of one line of /metrics; 0 if there is no such line. */
const count = (text: string, name: string) =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1) ?? 0,
  );

function parse(answer: string) {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const [start = '', ...fields] = head.split('\r\n');
  const headers = new Headers(fields.map((field) => field.split(/: (.*)/).slice(0, 2) as [string, string]));
  return { status: Number(start.split(' ')[1]), headers, body: JSON.parse(body) as Line };
}

function expectProblem(answer: string, status: number, code: string): ReturnType<typeof parse> {
  const parsed = parse(answer);
  const requestId = parsed.headers.get('x-request-id');
  expect(parsed).toMatchObject({ status, body: { type: 'about:blank', status, code, requestId } });
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(parsed.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(parsed.headers.get('cache-control')).toBe('no-store');
  expect(parsed.headers.get('x-content-type-options')).toBe('nosniff');
  expect(lines.filter((line) => line['msg'] === 'request' && line['requestId'] === requestId)).toMatchObject([
    { level: 'info', status },
  ]);
  return parsed;
}

describe('a request that was parsed', () => {
  const host = 'host: tiny';
  const json = 'content-type: application/json';
  const from = `origin: ${origin}`;

  it.each<[string, string, number, string, string, string]>([
    [
      'OPTIONS that is no preflight',
      message('OPTIONS /orders', [host, from]),
      405,
      'method_not_allowed',
      'OPTIONS',
      'unknown',
    ],
    [
      'OPTIONS of an unknown path',
      message('OPTIONS /nowhere', [host, from]),
      404,
      'route_not_found',
      'OPTIONS',
      'unknown',
    ],
    [
      'OPTIONS of the server',
      message('OPTIONS *', [host, from]),
      404,
      'route_not_found',
      'OPTIONS',
      'unknown',
    ],
    [
      'a method that the path does not have',
      message('DELETE /orders', [host, from]),
      405,
      'method_not_allowed',
      'DELETE',
      'unknown',
    ],
    [
      'a URL that cannot be parsed',
      message('GET /orders/%zz', [host, from]),
      400,
      'malformed_url',
      'GET',
      'unknown',
    ],
    ['no Host', message('GET /orders/1', [from]), 400, 'malformed_request', 'GET', '/orders/:id'],
    [
      'an unknown Expect',
      message('GET /orders/1', [host, from, 'expect: a miracle']),
      417,
      'expectation_failed',
      'GET',
      '/orders/:id',
    ],
    [
      'broken chunks',
      message('POST /orders', [host, from, json, 'transfer-encoding: chunked'], 'no chunk\r\n\r\n'),
      400,
      'malformed_request',
      'POST',
      '/orders',
    ],
    [
      'a body that stalls',
      message('POST /orders', [host, from, json, 'content-length: 100'], '{"note":'),
      408,
      'request_timeout',
      'POST',
      '/orders',
    ],
  ])(
    '%s',
    async (_name, text, status, code, method, route) => {
      const name = `http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"}`;
      const before = count(await metrics(), name);
      const { headers } = expectProblem(await send(text), status, code);
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('access-control-expose-headers')).toContain('x-request-id');
      expect(headers.get('vary')).toBe('Origin');
      expect(count(await metrics(), name)).toBe(before + 1);
    },
    withinMs,
  );

  it('is logged with the path that it asked for, without the query', async () => {
    await send(message('GET /orders/%zz?token=abc', [host]));
    expect(lines.find((line) => line['msg'] === 'request')).toMatchObject({ route: '/orders/%zz' });
    expect(JSON.stringify(lines)).not.toContain('token=abc');
  });

  it.each([
    ['DELETE /orders', 'POST'],
    ['POST /orders/1?x=1', 'GET, HEAD'],
    ['PATCH /docs/json', 'GET, HEAD'],
  ])('%s is told %s in Allow', async (start, allow) => {
    expect(
      expectProblem(await send(message(start, [host])), 405, 'method_not_allowed').headers.get('allow'),
    ).toBe(allow);
  });

  it('knows no method of a path that is only like one', async () => {
    const { headers } = expectProblem(
      await send(message('DELETE /orders/1/2', [host])),
      404,
      'route_not_found',
    );
    expect(headers.has('allow')).toBe(false);
  });

  it('leaves the length of a parameter to its schema', async () => {
    const answer = await send(message(`GET /orders/${'x'.repeat(201)}`, [host]));
    expect(expectProblem(answer, 400, 'invalid_request').body['errors']).toMatchObject([{ field: 'id' }]);
    expect(await send(message(`GET /orders/${'x'.repeat(200)}`, [host]))).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('needs no Host in HTTP/1.0', async () => {
    expect(await send('GET /orders/1 HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('may expect 100-continue', async () => {
    const content = '{"note":"a"}';
    const fields = [host, json, `content-length: ${content.length}`, 'Expect: 100-Continue'];
    expect(await send(message('POST /orders', fields, content))).toMatch(
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /,
    );
  });

  it('has a request id in the answer to a preflight', async () => {
    const fields = [host, from, 'access-control-request-method: POST'];
    expect(await send(message('OPTIONS /orders', fields))).toMatch(
      /^HTTP\/1\.1 204 [^]*x-request-id: [^]*access-control-allow-origin: https:\/\/app\.example/i,
    );
  });

  it("is the client's fault when its upload breaks off, not the database's", async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(message('POST /orders', [host, json, 'content-length: 100'], '{"note":'));
    // An answer to a later request shows that the server has begun to read.
    await metrics();
    socket.resetAndDestroy();
    await eventually(() => lines.some((line) => line['code'] !== undefined));
    expect(lines.filter((line) => line['code'] !== undefined)).toMatchObject([
      { level: 'debug', code: 'request_aborted' },
    ]);
  });
});

describe('what is no request', () => {
  it.each<[string, string, number, string]>([
    ['not HTTP', 'nonsense\r\n\r\n', 400, 'malformed_request'],
    ['an unknown method', message('FETCH /orders', ['host: tiny']), 400, 'malformed_request'],
    [
      'headers beyond 16 KiB',
      message('GET /orders', [`cookie: ${'x'.repeat(20_000)}`]),
      431,
      'headers_too_large',
    ],
    ['a URL beyond 16 KiB', message(`GET /${'x'.repeat(20_000)}`, ['host: tiny']), 431, 'headers_too_large'],
    ['headers that stall', 'GET /orders HTTP/1.1\r\nhost: ti', 408, 'request_timeout'],
  ])(
    '%s',
    async (_name, text, status, code) => {
      const name = `http_unparsed_requests_total{status="${status}"}`;
      const before = count(await metrics(), name);
      expectProblem(await send(text), status, code);
      expect(count(await metrics(), name)).toBe(before + 1);
    },
    withinMs,
  );

  it('waits for the answer to the request before it', async () => {
    let open!: () => void;
    release = new Promise((resolve) => (open = resolve));
    const began = new Promise<void>((resolve) => (arrived = resolve));
    const answered = send('GET /slow HTTP/1.1\r\nhost: tiny\r\n\r\nnonsense\r\n\r\n');
    await began;
    open();
    expect(await answered).toMatch(/^HTTP\/1\.1 200 [^]*\{"done":true\}HTTP\/1\.1 400 /);
  });

  it('is read no further while the request before it is not answered', async () => {
    let open!: () => void;
    release = new Promise((resolve) => (open = resolve));
    const began = new Promise<void>((resolve) => (arrived = resolve));
    const server = app.getHttpServer();
    const received = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    socket.on('error', () => undefined);
    socket.write('GET /slow HTTP/1.1\r\nhost: tiny\r\n\r\n');
    const [request, response] = await received;
    await began;
    const watchers = response.listenerCount('close');

    const broken = once(server, 'clientError');
    socket.write('nonsense\r\n\r\n');
    await broken;
    const read = request.socket.bytesRead;
    for (let n = 0; n < 20; n += 1) {
      socket.write('x'.repeat(1_000));
      // An answer to a later request shows that the server has seen it, if it looks at all.
      await metrics();
    }
    // Node also reports a second error: no request came from these bytes in time.
    server.emit('clientError', new Error('once more'), request.socket);
    expect(response.listenerCount('close')).toBe(watchers + 1);
    expect(request.socket.bytesRead).toBe(read);

    open();
    await once(socket, 'end');
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    socket.destroy();
  });

  it('holds no connection, even if the client never closes its side', async () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.resume();
    socket.write('nonsense\r\n\r\n');
    await once(socket, 'end');
    const server = app.getHttpServer();
    const open = () => new Promise<number>((resolve) => server.getConnections((_error, n) => resolve(n)));
    await eventually(async () => (await open()) === 0, { timeoutMs: 5_000 });
    socket.destroy();
  });
});

it('ends what stalls within 20 s when nothing else is said', () => {
  const { headersTimeout, requestTimeout, connectionsCheckingInterval } = receiveTimes;
  expect(connectionsCheckingInterval).toBeLessThanOrEqual(5_000);
  expect(headersTimeout).toBeLessThanOrEqual(requestTimeout);
  expect(requestTimeout + connectionsCheckingInterval).toBeLessThanOrEqual(20_000);
});
