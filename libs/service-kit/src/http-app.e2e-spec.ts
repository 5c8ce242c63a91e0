/** A small service on a free port gets what a hostile or careless client may send. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Body, Controller, Get, HttpException, Module, Param, Post, Query } from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Public } from '#trust/nest';
import { HealthModule } from './health.js';
import { createHttpApp } from './http-app.js';
import { createLogger } from './logging.js';
import { pageQuery } from './paging.js';
import { currentRequestId } from './request-context.js';
import { defineProblems, ServiceError } from './service-error.js';

const orderSchema = z.strictObject({
  note: z.string().max(200).optional(),
  lines: z.array(z.strictObject({ sku: z.string(), quantity: z.int().min(1) })).min(1),
});

/** Holds requests until the test releases them. */
class Gate {
  arrive!: () => void;
  open!: () => void;
  readonly arrived = new Promise<void>((resolve) => (this.arrive = resolve));
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}
let gate = new Gate();

@Public()
@Controller()
class TinyController {
  @Post('orders')
  order(@Body({ schema: orderSchema }) body: z.output<typeof orderSchema>) {
    return { lines: body.lines.length, requestId: currentRequestId() };
  }

  @Post('ping')
  ping() {
    return { pong: true };
  }

  @Get('orders')
  list(@Query({ schema: pageQuery }) query: z.output<typeof pageQuery>) {
    return { limit: query.limit };
  }

  @Get('orders/:id')
  one(@Param('id', { schema: z.uuid() }) id: string) {
    return { id };
  }

  @Get('raw/:text')
  raw(@Param('text') text: string) {
    return { text };
  }

  @Get('slow')
  async slow() {
    gate.arrive();
    await gate.opened;
    return { done: true };
  }

  @Get('broken')
  broken() {
    throw new Error('the secret detail');
  }

  @Get('sold-out')
  soldOut() {
    throw new ServiceError('sold_out', { message: 'row 17 is locked', retryAfterSeconds: 3 });
  }

  @Get('refused')
  refused() {
    throw new HttpException({ code: 'trust_stale', title: 'The keys are not known now' }, 503);
  }

  @Get('unauthorized')
  unauthorized() {
    throw new HttpException('who?', 401);
  }

  @Get('wrong-password')
  wrongPassword() {
    throw new ServiceError('wrong_password');
  }

  @Post('careless')
  careless(@Body() body: unknown) {
    return body;
  }
}

const publicRoute = Public().KEY;

/** Closed by default, like a real service. */
class ClosedGuard implements CanActivate {
  private readonly reflector = new Reflector();
  canActivate(context: ExecutionContext): boolean {
    return (
      this.reflector.getAllAndOverride<boolean>(publicRoute, [context.getHandler(), context.getClass()]) ??
      false
    );
  }
}

@Module({
  imports: [HealthModule.forRoot({ checks: [{ name: 'always', check: () => ({ status: 'up' }) }] })],
  controllers: [TinyController],
  providers: [{ provide: APP_GUARD, useClass: ClosedGuard }],
})
class TinyModule {}

const lines: string[] = [];
const logger = createLogger({
  service: 'tiny',
  level: 'debug',
  destination: { write: (line) => lines.push(line) },
});
const settings = {
  bodyLimitBytes: 65536,
  corsAllowedOrigins: ['https://app.example'],
  logLevel: 'debug' as const,
};
const problems = defineProblems({
  sold_out: { status: 409, title: 'Sold out' },
  wrong_password: { status: 401, title: 'Wrong', challenge: 'Password realm="here"' },
});

async function startTiny(drainTimeoutMs?: number): Promise<{ app: NestFastifyApplication; url: string }> {
  const bound = drainTimeoutMs === undefined ? {} : { drainTimeoutMs };
  const app = await createHttpApp(TinyModule, {
    service: 'tiny',
    version: '1',
    settings,
    problems,
    logger,
    ...bound,
  });
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

describe('an HTTP app of the kit', () => {
  let app: NestFastifyApplication;
  let url: string;
  beforeAll(async () => ({ app, url } = await startTiny()));
  afterAll(() => app.close());

  const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    fetch(`${url}/orders`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });

  /** Sends bytes unchanged, because `fetch` would normalise a path. */
  async function raw(request: string): Promise<string> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    socket.write(request);
    await once(socket, 'close');
    return answer;
  }
  const rawGet = (path: string, headers = '') =>
    raw(`GET ${path} HTTP/1.1\r\nhost: tiny\r\nconnection: close\r\n${headers}\r\n`);

  async function expectProblem(response: Response, status: number, code: string) {
    const text = await response.text();
    expect(text).toContain(`"code":"${code}"`);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const body = JSON.parse(text) as Record<string, unknown>;
    expect(body).toMatchObject({
      type: 'about:blank',
      status,
      code,
      requestId: response.headers.get('x-request-id'),
    });
    expect(text).not.toMatch(/\bat .*\.ts|stack/);
    return body;
  }

  it('answers good input, with the request id in the answer, the header and the log', async () => {
    const response = await post('{"lines":[{"sku":"a","quantity":1}]}', { 'x-request-id': 'my.id-1' });
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ lines: 1, requestId: 'my.id-1' });
    expect(response.headers.get('x-request-id')).toBe('my.id-1');
    const entry = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find((l) => l['requestId'] === 'my.id-1');
    expect(entry).toMatchObject({ service: 'tiny', method: 'POST', route: '/orders', status: 201 });
  });

  it('sets the headers that every answer has', async () => {
    const { headers } = await fetch(`${url}/orders`);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
  });

  it('replaces a request id that is not harmless', async () => {
    const response = await post('{}', { 'x-request-id': 'a b"c' });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  describe('bodies', () => {
    const refused = async (body: string, errors: unknown[]) => {
      const problem = await expectProblem(await post(body), 400, 'invalid_request');
      expect(problem['errors']).toEqual(errors);
    };

    it.each([['{"lines":'], ['{lines:1}'], ['\0'], ['{"a":1}}']])(
      'refuses malformed JSON %j',
      async (body) => {
        await expectProblem(await post(body), 400, 'malformed_body');
      },
    );
    const inName = (...bytes: number[]) =>
      Uint8Array.from([...Buffer.from('{"lines":[{"sku":"'), ...bytes, ...Buffer.from('","quantity":1}]}')]);
    it.each([
      ['no text', Uint8Array.from([0xff, 0xfe, 0x7b])],
      ['a byte that UTF-8 never has', inName(0xff)],
      ['Latin-1', inName(0xe9)],
      ['an overlong form', inName(0xc0, 0xaf)],
      ['a surrogate', inName(0xed, 0xa0, 0x80)],
      ['a character cut short', inName(0xe2, 0x82)],
    ])('refuses bytes that are not UTF-8: %s', async (_what, bytes) => {
      const problem = await expectProblem(await post(bytes), 400, 'malformed_body');
      expect(problem['errors']).toEqual([{ field: '', message: 'must be UTF-8' }]);
    });
    it.each([
      ['{"lines":[{"sku":"a","quantity":1}],"lines":[{"sku":"a","quantity":2}]}', 'lines'],
      ['{"lines":[{"sku":"a","quantity":1,"quantity":2}]}', 'quantity'],
      ['{"lines":[{"sku":"a","quantity":1,"q\\u0075antity":2}]}', 'quantity'],
    ])('refuses a member twice, wherever it is: %s', async (body, name) => {
      const problem = await expectProblem(await post(body), 400, 'malformed_body');
      expect(problem['errors']).toEqual([{ field: '', message: `has the member "${name}" twice` }]);
    });
    it('refuses half of a surrogate pair, by the name of the field', () =>
      refused('{"note":"a\\ud800","lines":[{"sku":"a","quantity":1}]}', [
        { field: 'note', message: 'must be well-formed Unicode' },
      ]));
    it('takes whole pairs, escaped or not', async () => {
      const note = '"note":"\\ud83d\\ude00 😀"';
      expect((await post(`{${note},"lines":[{"sku":"a","quantity":1}]}`)).status).toBe(201);
    });
    it('names the field of a wrong type', () =>
      refused('{"lines":[{"sku":"a","quantity":"1"}]}', [
        { field: 'lines.0.quantity', message: expect.stringContaining('expected') },
      ]));
    it('refuses unknown fields, wherever they are', () =>
      refused('{"lines":[{"sku":"a","quantity":1,"price":0}],"admin":true}', [
        { field: 'lines.0.price', message: 'Unknown field' },
        { field: 'admin', message: 'Unknown field' },
      ]));
    it('refuses NUL in a value', () =>
      refused('{"lines":[{"sku":"a\\u0000b","quantity":1}]}', [
        { field: 'lines.0.sku', message: 'must not contain a NUL character' },
      ]));
    it.each([['null'], ['[]'], ['1'], ['"text"']])('refuses %s for an object', async (body) => {
      await expectProblem(await post(body), 400, 'invalid_request');
    });
    it.each([['__proto__'], ['constructor']])('refuses the key %s', async (key) => {
      const response = await post(
        `{"${key}":{"prototype":{"polluted":1}},"lines":[{"sku":"a","quantity":1}]}`,
      );
      expect(response.status).toBe(400);
      expect({}).not.toHaveProperty('polluted');
    });
    it('refuses nesting at once, however deep, with its fault at the bottom too', async () => {
      const depth = 30_000;
      await refused(`{"lines":${'['.repeat(depth)}"\\u0000"${']'.repeat(depth)}}`, [
        { field: '', message: 'must not be nested deeper than 32 levels' },
      ]);
    });
    it('keeps the answer small when everything is wrong', async () => {
      const body = `{"lines":[${Array(5000).fill('1').join()}]}`;
      const problem = await expectProblem(await post(body), 400, 'invalid_request');
      expect(problem['errors']).toHaveLength(20);
    });
    it('refuses 2 MB', async () => {
      await expectProblem(await post(`{"note":"${'x'.repeat(2_000_000)}"}`), 413, 'body_too_large');
    });
    it.each([
      ['text/xml', '<a/>'],
      ['text/plain', '{"lines":[{"sku":"a","quantity":1}]}'],
      ['application/x-www-form-urlencoded', 'lines=1'],
      ['multipart/form-data', 'lines=1'],
    ])('refuses content of the type %s', async (type, body) => {
      await expectProblem(await post(body, { 'content-type': type }), 415, 'unsupported_media_type');
    });
    it('refuses content without a type', async () => {
      const answer = await raw(
        'POST /orders HTTP/1.1\r\nhost: tiny\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}',
      );
      expect(answer).toMatch(/^HTTP\/1\.1 415 [^]*"unsupported_media_type"/);
    });
    it('refuses encoded content, and says that it takes none', async () => {
      const body = gzipSync('{"lines":[{"sku":"a","quantity":1}]}');
      const response = await post(new Uint8Array(body), { 'content-encoding': 'gzip' });
      expect(response.headers.get('accept-encoding')).toBe('identity');
      await expectProblem(response, 415, 'unsupported_content_encoding');
    });
    it.each([['content-encoding: identity'], ['content-type: application/json; charset=utf-8']])(
      'takes JSON with %s',
      async (field) => {
        const [name, value] = field.split(': ') as [string, string];
        expect((await post('{"lines":[{"sku":"a","quantity":1}]}', { [name]: value })).status).toBe(201);
      },
    );
    it.each([
      ['', 'application/json'],
      ['content-length: 0', 'application/json'],
      ['transfer-encoding: chunked', 'application/json'],
      ['content-length: 0', 'application/x-www-form-urlencoded'],
      ['content-length: 0', 'text/plain'],
    ])('takes %j with the type %s for no body', async (field, type) => {
      const content = field.startsWith('transfer') ? '0\r\n\r\n' : '';
      const fields = `connection: close\r\ncontent-type: ${type}\r\n${field && `${field}\r\n`}`;
      const answer = await raw(`POST /ping HTTP/1.1\r\nhost: tiny\r\n${fields}\r\n${content}`);
      expect(answer).toMatch(/^HTTP\/1\.1 201 [^]*"pong"/);
    });
    it('refuses no body where there must be one, by its schema', async () => {
      await expectProblem(await post(''), 400, 'invalid_request');
    });
    it('says that a route is unknown before it judges content', async () => {
      const response = await fetch(`${url}/nowhere`, { method: 'POST', body: '<a/>' });
      await expectProblem(response, 404, 'route_not_found');
    });
    it('never runs a handler that reads a body without a schema', async () => {
      const response = await fetch(`${url}/careless`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      });
      await expectProblem(response, 500, 'internal_error');
    });
  });

  describe('addresses', () => {
    it('refuses an unknown route', async () => {
      await expectProblem(await fetch(`${url}/nowhere?token=abc`), 404, 'route_not_found');
      expect(lines.join()).not.toContain('token=abc');
    });
    it('refuses a bad parameter by its name', async () => {
      const problem = await expectProblem(await fetch(`${url}/orders/17' OR 1=1`), 400, 'invalid_request');
      expect(problem['errors']).toEqual([{ field: 'id', message: expect.any(String) }]);
    });
    it.each([
      ['limit=0'],
      ['limit=101'],
      ['limit=x'],
      ['limit=0x10'],
      ['limit=1e1'],
      ['limit=5.0'],
      ['limit=%205'],
      ['limit=+5'],
      ['limit=%2B5'],
      ['limit=05'],
      ['limit='],
      ['cursor=zzz'],
      ['limit=1&limit=2'],
      ['other=1'],
      ['__proto__=1'],
    ])('refuses the query %s', async (query) => {
      await expectProblem(await fetch(`${url}/orders?${query}`), 400, 'invalid_request');
    });
    it('refuses %00 in a parameter', async () => {
      expect(await rawGet('/raw/a%00b')).toMatch(
        /^HTTP\/1\.1 400 [^]*"code":"invalid_request"[^]*"field":"text"/,
      );
    });
    it.each([
      ['/../../etc/passwd'],
      ['/docs/../../package.json'],
      ['/docs/..%2f..%2fpackage.json'],
      ['//etc'],
    ])('finds nothing at %s', async (path) => {
      expect(await rawGet(path)).toMatch(/^HTTP\/1\.1 40[034] /);
    });
  });

  describe('errors', () => {
    it('tells nothing of a fault of ours, and logs it all', async () => {
      const response = await fetch(`${url}/broken`);
      expect(JSON.stringify(await expectProblem(response, 500, 'internal_error'))).not.toContain(
        'secret detail',
      );
      expect(lines.join()).toContain('the secret detail');
    });
    it("answers with the app's own problems", async () => {
      const response = await fetch(`${url}/sold-out`);
      expect(response.headers.get('retry-after')).toBe('3');
      expect(await expectProblem(response, 409, 'sold_out')).toMatchObject({ title: 'Sold out' });
    });
    it.each([
      ['/unauthorized', 'http_401', 'Bearer'],
      ['/wrong-password', 'wrong_password', 'Password realm="here"'],
    ])('challenges at every 401 (RFC 9110 section 15.5.2): %s', async (path, code, challenge) => {
      const response = await fetch(`${url}${path}`);
      expect(response.headers.get('www-authenticate')).toBe(challenge);
      await expectProblem(response, 401, code);
    });
    it('passes on a problem that a library threw', async () => {
      await expectProblem(await fetch(`${url}/refused`), 503, 'trust_stale');
    });
  });

  describe('CORS', () => {
    const preflight = (origin: string) =>
      fetch(`${url}/orders`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });

    it('lets an allowed origin in', async () => {
      const response = await preflight('https://app.example');
      expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example');
      // Only a service that reads a cookie needs more.
      expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    });
    it.each([['https://evil.example'], ['null'], ['https://app.example.evil']])(
      'tells nothing to %s',
      async (origin) => {
        expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
        const answer = await fetch(`${url}/orders`, { headers: { origin } });
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      },
    );
  });

  describe('routes of the kit, open although the guard is closed', () => {
    it('serves health', async () => {
      expect(await (await fetch(`${url}/health/live`)).json()).toEqual({ status: 'live' });
      const ready = { status: 'ready', checks: { always: { status: 'up' } } };
      expect(await (await fetch(`${url}/health/ready`)).json()).toEqual(ready);
    });
    it('serves metrics, with one label for all unknown routes', async () => {
      await fetch(`${url}/orders?limit=2`);
      await fetch(`${url}/unknown-1`);
      const text = await (await fetch(`${url}/metrics`)).text();
      expect(text).toMatch(
        /http_request_duration_seconds_count\{method="GET",route="\/orders",status="200"\} [1-9]/,
      );
      expect(text).toMatch(/route="unknown",status="404"/);
      expect(text).not.toContain('unknown-1');
      expect(text).toContain('process_cpu_seconds_total');
    });
    it('serves the documentation', async () => {
      expect(await (await fetch(`${url}/docs`)).text()).toContain('swagger-ui');
      expect((await fetch(`${url}/docs/swagger-ui-bundle.js`)).status).toBe(200);
      // The page needs nothing that the policy forbids: it has no inline script.
      const page = await fetch(`${url}/docs`);
      expect(page.headers.get('content-security-policy')).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
          "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
      expect(await page.text()).not.toMatch(/<script>|<script src="?(https?:)?\/\/|onload=/);
      const document = await (await fetch(`${url}/docs/json`)).json();
      expect(document).toMatchObject({
        info: { title: 'tiny' },
        paths: { '/orders': { post: {}, get: {} } },
      });
      const text = JSON.stringify(document);
      expect(text).toContain('"quantity"');
      expect(text).toContain('"scheme":"bearer"');
    });
  });
});

describe('closing', () => {
  it('finishes the request in flight, and closes its connection with the answer', async () => {
    const { app, url } = await startTiny();
    gate = new Gate();
    const inFlight = fetch(`${url}/slow`);
    await gate.arrived;
    const closed = app.close();
    await refusesConnections(url);
    gate.open();
    const response = await inFlight;
    expect(await response.json()).toEqual({ done: true });
    expect(response.headers.get('connection')).toBe('close');
    await closed;
  });

  it('refuses a request that comes in on an open connection', async () => {
    const { app, url } = await startTiny();
    gate = new Gate();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    const get = (path: string) => socket.write(`GET ${path} HTTP/1.1\r\nhost: tiny\r\n\r\n`);
    get('/slow');
    await gate.arrived;
    const closed = app.close();
    await refusesConnections(url);
    get('/orders');
    gate.open();
    await Promise.all([closed, once(socket, 'close')]);
    expect(answer).toContain('{"done":true}');
    expect(answer).not.toContain('"limit"');
  });

  it('cuts what does not finish in time', async () => {
    const { app, url } = await startTiny(50);
    gate = new Gate();
    const inFlight = fetch(`${url}/slow`).then(
      () => 'answered',
      () => 'cut',
    );
    await gate.arrived;
    await app.close();
    expect(await inFlight).toBe('cut');
    gate.open();
  });
});

/** Waits until the server no longer listens, because the app is closing. */
async function refusesConnections(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const refused = await Promise.race([
      once(socket, 'connect').then(() => false),
      once(socket, 'error').then(() => true),
    ]).catch(() => true);
    socket.destroy();
    if (refused) return;
    await new Promise(setImmediate);
  }
  throw new Error('still listening');
}
