/** A service with the guard, for specs of the guard. It fetches the statement from a local server. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from '@jest/globals';
import { Controller, Get, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { createTestIssuer, eventually, fakeClock } from '#testing';
import { KeyRing } from '../src/key-ring.js';
import {
  Bearer,
  CurrentBearer,
  CurrentCaller,
  Public,
  TrustModule,
  type Caller,
  type TrustModuleOptions,
} from '../src/nest/index.js';

@Controller('cats')
class CatsController {
  @Get()
  mine(@CurrentCaller() caller: Caller) {
    return { sub: caller.sub };
  }

  @Get('token')
  token(@CurrentBearer() bearer: Bearer) {
    return { signed: bearer.reveal(), sub: bearer.claims.sub };
  }

  @Public()
  @Get('open')
  open() {
    return { open: true };
  }
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Has `close` called after the present test. */
export function atEnd(close: () => Promise<unknown>): void {
  closers.push(close);
}

/** What the server answers: the present statement, or 503 while there is none. It waits for `gate` first. */
interface Holder {
  statement?: string;
  gate?: Promise<void>;
}

async function serveStatement(holder: Holder): Promise<string> {
  const server: Server = createServer((request, response) => {
    void Promise.resolve(holder.gate).then(() => {
      response.statusCode = holder.statement && request.url === '/.well-known/keyset' ? 200 : 503;
      response.end(holder.statement);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => new Promise((resolve) => server.close(resolve)).then(() => undefined));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface More extends Pick<ModuleMetadata, 'controllers' | 'imports'> {
  /** Default: Fastify. */
  readonly adapter?: AbstractHttpAdapter;
}

/** Starts a service with these options. It has `/cats` and `/cats/open`, and what `more` adds. */
export async function startService(
  options: TrustModuleOptions,
  { controllers = [], imports = [], adapter = new FastifyAdapter() }: More = {},
) {
  const module = await Test.createTestingModule({
    imports: [TrustModule.forRoot(options), ...imports],
    controllers: [CatsController, ...controllers],
  }).compile();
  const app: INestApplication = module.createNestApplication(adapter, { logger: false });
  await app.listen(0, '127.0.0.1');
  atEnd(() => app.close());
  return { app, url: await app.getUrl(), ring: app.get(KeyRing) };
}

/** Starts a service, and an issuer whose statement it has. `token` makes a good token, with other claims if wanted. */
export async function setUp(overrides: Partial<TrustModuleOptions> = {}, more: More = {}) {
  const time = fakeClock();
  const issuer = createTestIssuer({ clock: time.now });
  const holder: Holder = { statement: issuer.statement() };
  const issuerFetchUrl = await serveStatement(holder);
  const facts = {
    issuer: issuer.issuer,
    audience: 'cats',
    anchors: issuer.anchors,
    issuerFetchUrl,
    clock: time.now,
  };
  const service = await startService({ ...facts, ...overrides }, more);
  const token = (claims = {}, signing = {}) =>
    issuer.token({ aud: 'cats', scope: 'cats:read', ...claims }, signing);
  await ready(service.url);
  return { time, issuer, holder, facts, token, ...service };
}

/** Resolves when the service has a statement. */
export const ready = (url: string) =>
  eventually(async () => (await get(`${url}/trust`)).body['epoch'] !== null);

export async function get(url: string, token?: string, scheme = 'Bearer') {
  const response = await fetch(
    url,
    token === undefined ? {} : { headers: { authorization: `${scheme} ${token}` } },
  );
  const content = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    content,
    body: JSON.parse(content) as Record<string, unknown>,
  };
}
