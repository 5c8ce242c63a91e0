/**
 * Verifiers that auth does not hear of, so that no rotation waits for them: README's three facts over HTTP alone, and a
 * service that alone lost NATS. Neither may refuse a good token.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, type INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { client, eventually, segment, serve, startTestNats, type TestNats } from '#testing';
import { connectNats, type NatsLink } from '#trust/nats';
import { CurrentCaller, TrustModule, type Caller, type TrustModuleOptions } from '#trust/nest';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { openGate, type TcpGate } from './tcp-gate.js';

const FLOOD = 10_000;
const FLOOD_CONNECTIONS = 20;
const PIPELINED = 20;
/** No two neighbours alike, so that there never is a standby of the next. */
const ALGORITHMS = ['RS256', 'ES384', 'PS256', 'ES512', 'ES256'];

@Controller('mine')
class MineController {
  @Get()
  mine(@CurrentCaller() { sub }: Caller) {
    return { sub };
  }
}

interface Service {
  readonly app: INestApplication;
  readonly url: string;
}

let nats: TestNats;
let auth: AuthFixture;
/** The issuer's address, through which the spec sees who fetches. */
let issuer: { url: string; close(): Promise<void> };
let fetches = 0;
let admin: string;

beforeAll(async () => {
  issuer = await serve((request, response) => {
    fetches += 1;
    fetch(auth.url + request.url).then(
      async (answer) => response.writeHead(answer.status).end(await answer.text()),
      () => response.destroy(),
    );
  });
  nats = await startTestNats();
  auth = await startAuth({
    nats,
    settings: { issuer: issuer.url, countedSeconds: 2, statementIntervalSeconds: 1 },
  });
  admin = await auth.login('admin');
  await eventually(async () => (await verifiers()).complete === true, { timeoutMs: 10_000 });
}, 60_000);

afterAll(async () => {
  await auth?.close();
  await issuer?.close();
  await nats?.close();
});

const verifiers = async () => (await auth.send('GET', '/admin/verifiers', { token: admin })).body;

async function startService(more: Partial<TrustModuleOptions> = {}): Promise<Service> {
  const facts = { issuer: issuer.url, audience: 'orders', anchors: auth.settings.trustAnchorPublic };
  const module = await Test.createTestingModule({
    imports: [TrustModule.forRoot({ ...facts, ...more })],
    controllers: [MineController],
  }).compile();
  const app = module.createNestApplication(new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  await eventually(async () => (await trust({ url })).epoch !== null);
  return { app, url };
}

const trust = async ({ url }: Pick<Service, 'url'>) => (await client(url).send('GET', '/trust')).body;

async function rotateTo(alg: string): Promise<string> {
  const { status, body } = await auth.send('POST', '/admin/keys/rotate', { token: admin, body: { alg } });
  expect([status, body.alg]).toEqual([200, alg]);
  return body.kid;
}

const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid;

/** The status of a fresh token, asked again for as long as the service says that it cannot tell. */
async function judge({ url }: Service, token: string): Promise<number> {
  for (;;) {
    const { status, headers } = await client(url).send('GET', '/mine', { token });
    if (status !== 503) return status;
    await sleep(Number(headers.get('retry-after')) * 1_000);
  }
}

/** Logs in, and presents each token at once, until told to stop; gives the status and kid of each. */
function traffic(service: Service) {
  const stop = new AbortController();
  const verdicts: { status: number; kid: string }[] = [];
  const loops = [1, 2].map(async () => {
    const { email, password } = await auth.account();
    while (!stop.signal.aborted) {
      const { status, text, body } = await auth.send('POST', '/auth/login', { body: { email, password } });
      if (status !== 200) throw new Error(`login: ${status} ${text}`);
      const token: string = body.access_token;
      verdicts.push({ status: await judge(service, token), kid: kidOf(token) });
    }
  });
  return {
    verdicts,
    async finish() {
      stop.abort();
      await Promise.all(loops);
      return verdicts;
    },
  };
}

/** Presents tokens of random kids, 400 at a time, until all are sent or it is stopped. */
function flood(service: Service, token: string) {
  const [, payload, signature] = token.split('.');
  const statuses = new Map<string, number>();
  const state = { sent: 0, statuses, stopped: false, done: Promise.resolve() };
  const request = () => {
    const header = segment({ alg: 'ES256', typ: 'at+jwt', kid: randomUUID() });
    return `GET /mine HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${header}.${payload}.${signature}\r\n\r\n`;
  };
  const connection = async () => {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    let answers = '';
    while (state.sent < FLOOD && !state.stopped) {
      state.sent += PIPELINED;
      socket.write(Array.from({ length: PIPELINED }, request).join(''));
      let found: string[];
      do {
        answers += String((await once(socket, 'data'))[0]);
        found = answers.match(/HTTP\/1\.1 \d{3}/g) ?? [];
      } while (found.length < PIPELINED || !answers.endsWith('}'));
      for (const line of found) statuses.set(line.slice(-3), (statuses.get(line.slice(-3)) ?? 0) + 1);
      answers = '';
    }
    socket.destroy();
  };
  state.done = Promise.all(Array.from({ length: FLOOD_CONNECTIONS }, connection)).then(() => undefined);
  return state;
}

describe('a service with three facts, fed over HTTP alone', () => {
  it('refuses no good token through five rotations to an algorithm with no standby, beside a flood of random kids', async () => {
    const service = await startService();
    expect(await trust(service)).toMatchObject({ freshness: 'confirmed', pushed: false });
    const [first, beganAt] = [fetches, performance.now()];
    const { verdicts, finish } = traffic(service);
    const junk = flood(service, await auth.login());
    try {
      for (const [i, alg] of ALGORITHMS.entries()) {
        await eventually(() => junk.sent >= (i * FLOOD) / ALGORITHMS.length, { timeoutMs: 120_000 });
        const kid = await rotateTo(alg);
        await eventually(() => verdicts.some((verdict) => verdict.kid === kid), { timeoutMs: 20_000 });
      }
      await junk.done;
    } finally {
      junk.stopped = true;
      await finish();
    }
    const seconds = (performance.now() - beganAt) / 1_000;
    expect(verdicts.filter(({ status }) => status !== 200)).toEqual([]);
    expect(new Set(verdicts.map(({ kid }) => kid)).size).toBeGreaterThanOrEqual(ALGORITHMS.length);
    // 503 is for whoever could not be told from a good one in time.
    expect([...junk.statuses.keys()].filter((status) => status !== '401' && status !== '503')).toEqual([]);
    expect([...junk.statuses.values()].reduce((sum, count) => sum + count)).toBe(FLOOD);
    expect(fetches - first).toBeLessThanOrEqual(seconds + 1);
    await service.app.close();
  }, 180_000);
});

describe('a service that alone lost NATS', () => {
  let gate: TcpGate;
  let link: NatsLink;
  afterAll(async () => {
    await link?.close();
    await gate?.close();
  });

  it('refuses no good token, once auth waits for it no more', async () => {
    gate = await openGate(Number(new URL(nats.url).port));
    link = connectNats({
      servers: `nats://127.0.0.1:${gate.port}`,
      nkeySeed: nats.nkeySeed('orders'),
      service: 'orders',
      instance: 'alone',
    });
    let ahead = 0;
    const service = await startService({
      nats: { connection: link.connection, service: 'orders', instance: 'alone' },
      clock: () => Date.now() + ahead,
    });
    await eventually(async () => (await trust(service)).pushed === true);
    await eventually(async () => JSON.stringify(await verifiers()).includes('alone'));
    gate.shut();
    // 16 s later it polls. Back in the present, what it polled is as fresh as can be.
    ahead = 16_000;
    const polled = (await trust(service)).statements.accepted.http;
    await eventually(async () => (await trust(service)).statements.accepted.http > polled);
    ahead = 0;
    await eventually(async () => !JSON.stringify(await verifiers()).includes('alone'));
    expect(await trust(service)).toMatchObject({ freshness: 'confirmed', pushed: false });
    for (const alg of ['ES384', 'ES512']) {
      const kid = await rotateTo(alg);
      const token = await auth.login();
      expect(kidOf(token)).toBe(kid);
      expect(await judge(service, token)).toBe(200);
    }
    gate.open();
    await eventually(async () => (await trust(service)).pushed === true, { timeoutMs: 10_000 });
    await service.app.close();
  }, 60_000);
});
