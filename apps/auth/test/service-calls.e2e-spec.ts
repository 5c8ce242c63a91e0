/** One service calls another through the client of #service-kit, with tokens of the real auth. */
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, HttpCode, Module, Post, Req, type DynamicModule } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  createHttpApp,
  createLogger,
  ServiceClients,
  ServiceClientsModule,
  type ServiceClient,
} from '#service-kit';
import { client, createTestKey, eventually, writeKeyFile, type TestKeyFile } from '#testing';
import { Bearer, CurrentBearer, CurrentCaller, Public, Scopes, TrustModule, type Caller } from '#trust/nest';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { registerClient } from './oauth-client.js';

/** What the callee saw of a call. */
const seen = z.object({
  claims: z.record(z.string(), z.unknown()),
  headers: z.record(z.string(), z.string()),
});
let slowMs = 0;

/** Stands for inventory. */
@Controller('reservations')
class ReservationsController {
  @Scopes('inventory:reserve')
  @Post()
  @HttpCode(200)
  async reserve(@CurrentCaller() claims: Caller, @Req() { headers }: FastifyRequest) {
    await sleep(slowMs);
    return { claims, headers };
  }
}

/** Stands for orders. */
@Controller('orders')
class PlaceController {
  private readonly inventory: ServiceClient;

  constructor(clients: ServiceClients) {
    this.inventory = clients.to('inventory');
  }

  @Post()
  @HttpCode(200)
  async place(@CurrentBearer() bearer: Bearer) {
    const authority = { onBehalfOf: bearer, scope: 'inventory:reserve' };
    const call = { method: 'POST', path: '/reservations', authority, expect: { 200: seen } } as const;
    return (await this.inventory.call(call)).body;
  }

  @Public()
  @Get('release')
  async release() {
    const authority = { forItself: true, scope: 'inventory:reserve' } as const;
    const call = { method: 'POST', path: '/reservations', authority, expect: { 200: seen } } as const;
    return (await this.inventory.call(call)).body;
  }
}

@Module({})
class ServiceModule {}

let auth: AuthFixture;
let orders: Awaited<ReturnType<typeof registerClient>>;
let keyFile: TestKeyFile;
const running: NestFastifyApplication[] = [];
const lines: Record<string, string[]> = { orders: [], inventory: [] };
let service: ReturnType<typeof client> & { url: string };

async function start(
  name: string,
  controller: new (...given: never[]) => unknown,
  imports: DynamicModule[] = [],
) {
  const trust = TrustModule.forRoot({
    issuer: auth.settings.issuer,
    audience: name,
    anchors: [...auth.settings.trustAnchorPublic],
    issuerFetchUrl: auth.url,
  });
  const destination = new Writable({
    write(line: Buffer, _encoding, done) {
      lines[name]!.push(line.toString());
      done();
    },
  });
  const module = { module: ServiceModule, imports: [trust, ...imports], controllers: [controller] };
  const app = await createHttpApp(module, {
    service: name,
    version: '0.0.0',
    settings: { bodyLimitBytes: 65_536, corsAllowedOrigins: [], logLevel: 'trace' },
    logger: createLogger({ service: name, level: 'trace', destination }),
  });
  running.push(app);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  await eventually(async () => (await client(url).send('GET', '/trust')).body.epoch !== null);
  return { url, ...client(url) };
}

beforeAll(async () => {
  auth = await startAuth();
  orders = await registerClient(auth, 'orders');
  keyFile = await writeKeyFile(orders.key);
  const inventory = await start('inventory', ReservationsController);
  const settings = { issuer: auth.settings.issuer, issuerFetchUrl: auth.url, clientKeyFile: keyFile.path };
  const callees = { inventory: { baseUrl: inventory.url, timeoutMs: 10_000 } };
  service = await start('orders', PlaceController, [
    ServiceClientsModule.forRoot({ service: 'orders', settings, callees }),
  ]);
}, 60_000);
afterAll(async () => {
  for (const app of running.reverse()) await app.close();
  await keyFile?.remove();
  await auth?.close();
});

const place = (token: string, headers: Record<string, string> = {}) =>
  service.send('POST', '/orders', { token, headers });
/** All lines of all services. Nest has one logger for the process, so the events of auth may be in any log. */
const logged = () => [...lines['orders']!, ...lines['inventory']!, auth.logged()].join('');
const exchanges = () => logged().split('"event":"token.exchanged"').length - 1;

describe('a call for a customer', () => {
  it('carries a token for the callee, with the account, the session and the service that acts', async () => {
    const token = await auth.login();
    const { status, body } = await place(token);
    expect(status).toBe(200);
    const [, payload] = token.split('.');
    const own = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as Record<string, unknown>;
    expect(body.claims).toMatchObject({
      ...{ sub: own['sub'], sid: own['sid'], txn: own['jti'], aud: 'inventory' },
      ...{ client_id: 'orders', scope: 'inventory:reserve', act: { sub: 'orders' } },
    });
  });

  it('a hundred at the same time exchange the token once', async () => {
    const token = await auth.login();
    const before = exchanges();
    const answers = await Promise.all(Array.from({ length: 100 }, () => place(token)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ body }) => body.claims.jti)).size).toBe(1);
    expect(exchanges() - before).toBe(1);
  });

  it('two sessions of one account get two tokens', async () => {
    const { email, password } = await auth.account();
    const login = async () =>
      (await auth.send('POST', '/auth/login', { body: { email, password } })).body.access_token as string;
    const [first, second] = [await place(await login()), await place(await login())];
    expect(first.body.claims.sub).toBe(second.body.claims.sub);
    expect(first.body.claims.sid).not.toBe(second.body.claims.sid);
  });

  it('whose session has ended is answered as the guard answers a bad token', async () => {
    const token = await auth.login();
    await auth.send('POST', '/auth/logout', { token });
    const [ours, guards] = [await place(token), await place('no.good.token')];
    expect(ours.status).toBe(401);
    expect(ours.headers.get('www-authenticate')).toBe(guards.headers.get('www-authenticate'));
    expect({ ...ours.body, requestId: '' }).toEqual({ ...guards.body, requestId: '' });
  });
});

it('a call of the service for itself carries no account', async () => {
  const { status, body } = await service.send('GET', '/orders/release');
  expect(status).toBe(200);
  expect(body.claims).toMatchObject({ sub: 'orders', aud: 'inventory', client_id: 'orders' });
  expect(body.claims).not.toHaveProperty('sid');
  expect(body.claims).not.toHaveProperty('act');
});

describe('the key of the client', () => {
  it('can be exchanged while the service runs', async () => {
    const next = createTestKey();
    await orders.addKey(next);
    await keyFile.replace(next);
    await auth.owner.query('DELETE FROM client_key WHERE kid = $1', [orders.key.kid]);
    expect(await place(await auth.login())).toMatchObject({ status: 200 });
  });

  it('that auth does not know is a fault of ours: 503, and an error in the log', async () => {
    const [known, unknown] = [createTestKey(), createTestKey()];
    await keyFile.replace(unknown);
    const before = lines['orders']!.length;
    const { status, body, headers } = await place(await auth.login());
    expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'upstream_unavailable', '10']);
    const errors = lines['orders']!.slice(before).filter((line) => line.includes('"level":"error"'));
    expect(errors).toEqual([expect.stringContaining('invalid_client')]);
    await orders.addKey(known);
    await keyFile.replace(known);
    expect(await place(await auth.login())).toMatchObject({ status: 200 });
  });
});

it('503 while auth has no database, and no error that blames the customer', async () => {
  const token = await auth.login();
  auth.database.shut();
  try {
    const { status, body, headers } = await place(token);
    expect([status, headers.has('retry-after')]).toEqual([503, true]);
    expect(body.code).toMatch(/^upstream_(unavailable|timeout)$/);
  } finally {
    auth.database.open();
  }
  await eventually(async () => (await place(token)).status === 200, { timeoutMs: 15_000 });
}, 30_000);

describe('the deadline of a request', () => {
  const within = (token: string, ms: number) => place(token, { 'x-request-timeout-ms': String(ms) });

  it('travels to the callee, shorter', async () => {
    const token = await auth.login();
    await place(token);
    const { body } = await within(token, 1_500);
    const remaining = Number(body.headers['x-request-timeout-ms']);
    expect(remaining).toBeGreaterThan(0);
    expect(remaining).toBeLessThan(1_500);
  });

  it('ends the call', async () => {
    const token = await auth.login();
    await place(token);
    slowMs = 600;
    try {
      expect(await within(token, 300)).toMatchObject({ status: 503, body: { code: 'upstream_timeout' } });
    } finally {
      slowMs = 0;
    }
  });

  it('that has passed: 504, and nothing is done', async () => {
    const before = lines['inventory']!.length;
    expect(await within(await auth.login(), 0)).toMatchObject({
      status: 504,
      body: { code: 'deadline_passed' },
    });
    expect(lines['inventory']).toHaveLength(before);
  });
});

it('the lines of both services have the trace and the request id of the caller', async () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
  const { body } = await place(await auth.login(), { traceparent, 'x-request-id': 'trace-me' });
  expect(body.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-(?!00f067aa)[0-9a-f]{16}-01$`));
  for (const log of [lines['orders']!, lines['inventory']!]) {
    const line = log
      .map((each) => JSON.parse(each))
      .find(({ msg, requestId }) => msg === 'request' && requestId === 'trace-me');
    expect(line).toMatchObject({ traceId });
  }
});

it('metrics count calls and tokens, and show the circuits', async () => {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  expect(text).toMatch(/service_calls_total\{callee="inventory",outcome="answered"\} [1-9]/);
  expect(text).toMatch(/service_calls_total\{callee="inventory",outcome="invalid_token"\} 1\n/);
  expect(text).toMatch(/service_tokens_total\{callee="inventory",source="(cached|shared)"\} [1-9]/);
  expect(text).toMatch(/service_circuit_state\{callee="auth",state="closed"\} 1/);
});

it('no log has a token or an assertion', () => {
  expect(logged()).toContain('upstream_unavailable');
  expect(logged()).not.toMatch(/eyJ[A-Za-z0-9_-]{20}/);
});
