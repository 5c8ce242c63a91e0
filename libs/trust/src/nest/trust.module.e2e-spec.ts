/** A service with three facts: issuer, audience and anchors. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { Controller, Get, Global, Logger, Module } from '@nestjs/common';
import { AuthModuleOptions } from '@nestjs/passport';
import passport from 'passport';
import { createTestIssuer, createTestKey, eventually, published, type TestIssuer } from '#testing';
import { atEnd, get, ready, setUp as setUpCats, startService } from '../../test/cats-service.js';
import { TrustError } from '../trust-error.js';
import {
  AnyAudience,
  CurrentCaller,
  Public,
  Scopes,
  Strict,
  TrustModule,
  type Caller,
  type TrustModuleOptions,
} from './index.js';

declare module './index.js' {
  interface ScopeRegistry {
    'cats:write': true;
    'cats:groom': true;
    'shop:manage': true;
  }
}

@Controller('cats')
class RestrictedCatsController {
  @Scopes('cats:write', 'cats:groom')
  @Get('scoped')
  scoped() {
    return { scoped: true };
  }

  @Strict()
  @Get('strict')
  strict() {
    return { strict: true };
  }

  @AnyAudience()
  @Get('any')
  any(@CurrentCaller() caller: Caller) {
    return { aud: caller.aud };
  }
}

@Public()
@Controller('shop')
class ShopController {
  @Get()
  browse() {
    return { open: true };
  }

  @Scopes('shop:manage')
  @Get('till')
  till() {
    return { till: true };
  }

  @Strict()
  @Get('safe')
  safe() {
    return { safe: true };
  }

  @AnyAudience()
  @Get('lounge')
  lounge() {
    return { lounge: true };
  }

  @Strict()
  @Public()
  @Get('contradiction')
  contradiction() {
    return { contradiction: true };
  }
}

@Strict()
@Controller('bank')
class BankController {
  @Get()
  enter() {
    return { entered: true };
  }

  @Public()
  @Get('window')
  look() {
    return { open: true };
  }
}

/** Two controllers inherit its one handler. */
abstract class Shelves {
  @Get('shelf')
  look() {
    return { books: 3 };
  }
}

@Public()
@Controller('library')
class LibraryController extends Shelves {}

@Controller('archive')
class ArchiveController extends Shelves {}

const controllers = [
  RestrictedCatsController,
  ShopController,
  BankController,
  LibraryController,
  ArchiveController,
];
const setUp = (overrides: Partial<TrustModuleOptions> = {}) => setUpCats(overrides, { controllers });

/** Returns the answer to a client that writes its own bytes. */
async function raw(url: string, ...fields: string[]): Promise<string> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end([`GET ${pathname} HTTP/1.1`, 'Host: x', ...fields, 'Connection: close', '', ''].join('\r\n'));
  return text(socket);
}

describe('a service with three facts', () => {
  test('a public route needs no token, and heeds none', async () => {
    const { url } = await setUp();
    expect(await get(`${url}/cats/open`)).toMatchObject({ status: 200, body: { open: true } });
    expect(await get(`${url}/cats/open`, 'junk')).toMatchObject({ status: 200 });
  });

  test('every other route is closed: a bare challenge where there is no token', async () => {
    const { url } = await setUp();
    const { status, headers, body } = await get(`${url}/cats`);
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(body).toMatchObject({ status: 401, code: 'missing_token', title: expect.any(String) });
  });

  test('a good token opens it and names the caller', async () => {
    const { url, token } = await setUp();
    expect(await get(`${url}/cats`, token({ sub: 'felix' }))).toMatchObject({
      status: 200,
      body: { sub: 'felix' },
    });
    expect(await get(`${url}/cats`, token({ sub: 'tom' }), 'bearer')).toMatchObject({
      status: 200,
      body: { sub: 'tom' },
    });
  });

  test('a route of a public controller that asks for scopes is closed', async () => {
    const { url, token } = await setUp();
    expect(await get(`${url}/shop`)).toMatchObject({ status: 200 });
    expect(await get(`${url}/shop/till`)).toMatchObject({ status: 401 });
    expect(await get(`${url}/shop/till`, token())).toMatchObject({ status: 403 });
    expect(await get(`${url}/shop/till`, token({ scope: 'shop:manage' }))).toMatchObject({ status: 200 });
  });

  test.each([['safe'], ['lounge'], ['contradiction']])(
    'a route of a public controller that asks for anything is closed: %s',
    async (route) => {
      const { url, token } = await setUp();
      expect(await get(`${url}/shop/${route}`)).toMatchObject({ status: 401 });
      const { status } = await get(`${url}/shop/${route}`, token());
      // The revocation view is not fresh here, so a strict route refuses a good token too.
      expect(status).toBe(route === 'lounge' ? 200 : 503);
    },
  );

  test('a public route of a strict controller is open', async () => {
    const { url } = await setUp();
    expect(await get(`${url}/bank/window`)).toMatchObject({ status: 200, body: { open: true } });
    expect(await get(`${url}/bank`)).toMatchObject({ status: 401 });
  });

  test.each([
    ['the public one', ['library', 'archive']],
    ['the closed one', ['archive', 'library']],
  ])('two controllers that inherit one handler stay apart when %s is asked first', async (_which, order) => {
    const { url, token } = await setUp();
    for (const controller of [...order, ...order]) {
      const { status } = await get(`${url}/${controller}/shelf`);
      expect([controller, status]).toEqual([controller, controller === 'library' ? 200 : 401]);
    }
    expect(await get(`${url}/archive/shelf`, token())).toMatchObject({ status: 200, body: { books: 3 } });
  });

  test('403 names the scopes of the route', async () => {
    const { url, token } = await setUp();
    const { status, headers, body } = await get(`${url}/cats/scoped`, token({ scope: 'cats:write' }));
    expect([status, body['code']]).toEqual([403, 'insufficient_scope']);
    expect(headers.get('www-authenticate')).toBe(
      'Bearer error="insufficient_scope", scope="cats:write cats:groom"',
    );
    expect(await get(`${url}/cats/scoped`, token({ scope: 'cats:groom cats:write' }))).toMatchObject({
      status: 200,
    });
  });

  test.each([
    ['https://cats.test', 'https://cats.test/.well-known/oauth-protected-resource'],
    ['https://pets.test:81/cats', 'https://pets.test:81/.well-known/oauth-protected-resource/cats'],
  ])(
    'with the URL %s every challenge says where its metadata are (RFC 9728 §5.1)',
    async (resourceUrl, at) => {
      const { url, token } = await setUp({ resourceUrl });
      const challenge = async (path: string, sent?: string) =>
        (await get(url + path, sent)).headers.get('www-authenticate');
      const parameter = `resource_metadata="${at}"`;
      expect(await challenge('/cats')).toBe(`Bearer ${parameter}`);
      expect(await challenge('/cats', 'junk')).toBe(`Bearer error="invalid_token", ${parameter}`);
      expect(await challenge('/cats/scoped', token())).toBe(
        `Bearer error="insufficient_scope", scope="cats:write cats:groom", ${parameter}`,
      );
      const good = `Authorization: Bearer ${token()}`;
      expect(await raw(`${url}/cats`, good, good)).toContain(
        `Bearer error="invalid_request", ${parameter}\r\n`,
      );
      // The revocation view is not fresh here. A 503 has no challenge.
      expect(await challenge('/cats/strict', token())).toBeNull();
    },
  );

  test('a token for another audience is refused, but where any will do', async () => {
    const { url, token } = await setUp();
    expect(await get(`${url}/cats`, token({ aud: 'dogs' }))).toMatchObject({
      status: 401,
      body: { code: 'invalid_token' },
    });
    expect(await get(`${url}/cats/any`, token({ aud: 'dogs' }))).toMatchObject({
      status: 200,
      body: { aud: 'dogs' },
    });
    expect(await get(`${url}/cats/any`)).toMatchObject({ status: 401 });
  });

  test('a doubled Authorization is refused, whichever of the two is good', async () => {
    const { url, token } = await setUp();
    const good = `Authorization: Bearer ${token()}`;
    expect(await raw(`${url}/cats`, good)).toContain('HTTP/1.1 200');
    for (const other of ['Authorization: Bearer junk', 'authorization: Basic YTpi', 'AUTHORIZATION:', good]) {
      for (const fields of [
        [good, other],
        [other, good],
      ]) {
        const answer = await raw(`${url}/cats`, ...fields);
        expect(answer).toContain('HTTP/1.1 400');
        expect(answer.toLowerCase()).toContain('www-authenticate: bearer error="invalid_request"');
      }
    }
  });

  test('a second Authorization behind more fields than Node keeps is refused', async () => {
    const { url, token } = await setUp();
    const fields = [`Authorization: Bearer ${token()}`, ...Array<string>(1_100).fill('a:')];
    expect(await raw(`${url}/cats`, ...fields, 'Authorization: Bearer junk')).toContain('HTTP/1.1 431');
    expect(await raw(`${url}/cats`, ...fields)).toContain('"code":"headers_too_large"');
    expect(await raw(`${url}/cats`, ...fields.slice(0, 900))).toContain('HTTP/1.1 200');
  });

  test('no answer to a bad token says why, or holds any part of it', async () => {
    const { issuer, url, token } = await setUp();
    const stranger = createTestKey();
    const bad = [
      token({ exp: 1, iat: 0 }),
      token({}, { signWith: stranger }),
      token({}, { signWith: stranger, header: { kid: issuer.key.kid } }),
      token({ iss: 'https://other.test' }),
      token({}, { header: { typ: 'JWT' } }),
      issuer.statement(),
      `${Buffer.from('{"secret-in-a-header"').toString('base64url')}.e30.AA`,
      'junk.junk.junk',
      'x'.repeat(9_000),
    ];
    const answers = await Promise.all(bad.map((each) => get(`${url}/cats`, each)));
    for (const [i, { status, headers, content, body }] of answers.entries()) {
      expect([i, status, headers.get('www-authenticate')]).toEqual([i, 401, 'Bearer error="invalid_token"']);
      expect(body).toEqual(answers[0]!.body);
      const all = content + JSON.stringify([...headers]);
      for (const part of bad[i]!.split('.'))
        expect(part.length > 8 && all.includes(part.slice(0, 12))).toBe(false);
      expect(all).not.toContain('secret');
      expect(all).not.toContain(' at ');
    }
  });

  test('once the statement has expired: 503 with Retry-After, public routes go on, and it recovers by itself', async () => {
    const { holder, issuer, time, url, token } = await setUp();
    delete holder.statement;
    time.advance(900_000);
    const { status, headers, body } = await get(`${url}/cats`, token());
    expect([status, body['code'], headers.get('retry-after')]).toEqual([503, 'trust_stale', '1']);
    expect(headers.get('www-authenticate')).toBeNull();
    expect(await get(`${url}/cats/open`)).toMatchObject({ status: 200 });
    expect((await get(`${url}/trust`)).body).toMatchObject({
      freshness: 'stale',
      requests: { trust_stale: 1 },
    });
    holder.statement = issuer.statement();
    await eventually(
      async () => {
        time.advance(5_000);
        return (await get(`${url}/cats`, token())).status === 200;
      },
      { timeoutMs: 10_000 },
    );
  });

  test('GET /trust tells the ring and how requests were judged', async () => {
    const { issuer, url, token } = await setUp();
    await get(`${url}/cats`, token());
    await get(`${url}/cats`, token({ aud: 'dogs' }));
    expect((await get(`${url}/trust`)).body).toMatchObject({
      ...{
        issuer: issuer.issuer,
        freshness: 'confirmed',
        epoch: 1,
        pin: issuer.anchor.kid,
        pins: [issuer.anchor.kid],
      },
      keys: [
        { kid: issuer.key.kid, status: 'active' },
        { kid: issuer.standby.kid, status: 'prepared' },
      ],
      statements: { accepted: { http: 1 } },
      requests: { accepted: 1, wrong_audience: 1 },
    });
  });
});

test('hands a handler the token of the request', async () => {
  const { url, token } = await setUp();
  const [first, second] = [token({ sub: 'felix' }), token({ sub: 'minka' })];
  for (const sent of [first, second, first])
    expect((await get(`${url}/cats/token`, sent)).body).toMatchObject({ signed: sent });
});

describe('revocation', () => {
  test('401 for a revoked token, and /trust tells of the view', async () => {
    const { issuer, ring, url, token } = await setUp();
    const { revocations } = ring;
    const revoked = token({ sid: 'ended' });
    expect((await get(`${url}/cats`, revoked)).status).toBe(200);
    revocations.add(issuer.revocation(1, { sid: 'ended' }));
    revocations.add('forged');
    const { status, headers, body } = await get(`${url}/cats`, revoked);
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"']);
    expect(body).toMatchObject({ code: 'invalid_token' });
    expect((await get(`${url}/cats`, token())).status).toBe(200);
    expect((await get(`${url}/trust`)).body).toMatchObject({
      revocations: { held: { jti: 0, sid: 1, client_id: 0 }, missing: 0, refused: { malformed: 1 } },
      requests: { accepted: 2, revoked: 1 },
    });
  });

  test('a strict route is 503 while the view is not fresh, and no other route is', async () => {
    const { issuer, ring, time, url, token } = await setUp();
    const strict = async () => {
      const { status, body } = await get(`${url}/cats/strict`, token());
      return [status, body['code']];
    };
    // A statement over HTTP does not prove that revocations arrive.
    expect(await strict()).toEqual([503, 'trust_stale']);
    expect((await get(`${url}/cats`, token())).status).toBe(200);
    ring.accept(issuer.statement(), 'nats');
    expect(await strict()).toEqual([200, undefined]);
    time.advance(15_001);
    expect(await strict()).toEqual([503, 'trust_stale']);
    expect((await get(`${url}/cats/strict`)).status).toBe(401);
  });
});

describe('a statement file', () => {
  async function setUpWithFile() {
    const folder = await mkdtemp(join(tmpdir(), 'trust-module-'));
    atEnd(() => rm(folder, { recursive: true, force: true }));
    const statementFile = join(folder, 'statement.jwt');
    return { ...(await setUp({ statementFile })), statementFile };
  }

  test('lets a restarted service serve while the issuer is away, for as long as the statement lives', async () => {
    const { app, facts, holder, issuer, ring, time, token, statementFile } = await setUpWithFile();
    const old = holder.statement;
    ring.accept(issuer.statement({ revocations: { from: 1, to: 1 } }), 'nats');
    ring.revocations.add(issuer.revocation(1, { sid: 'ended' }));
    delete holder.statement;
    await app.close();

    const restarted = await startService({ ...facts, statementFile }, { controllers });
    expect((await get(`${restarted.url}/cats`, token())).status).toBe(200);
    expect((await get(`${restarted.url}/cats`, token({ sid: 'ended' }))).status).toBe(401);
    expect((await get(`${restarted.url}/cats/strict`, token())).status).toBe(503);
    expect((await get(`${restarted.url}/trust`)).body).toMatchObject({
      ...{ epoch: 2, statements: { accepted: { file: 1, http: 0 } } },
    });
    // It does not accept an older statement either.
    expect(restarted.ring.accept(old!, 'http')).toBe('old_epoch');
    time.advance(900_000);
    expect((await get(`${restarted.url}/cats`, token())).status).toBe(503);
  });

  test('that cannot be written does not keep a service from starting and serving', async () => {
    const { url, token } = await setUp({ statementFile: join(tmpdir(), 'no', 'such', 'folder', 'x.jwt') });
    expect((await get(`${url}/cats`, token())).status).toBe(200);
  });
});

test('requests that wait for news together each get their own verdict', async () => {
  const { holder, issuer, time, url, token } = await setUp();
  const fresh = createTestKey();
  time.advance(16_000);
  holder.statement = issuer.statement({ keys: [published(fresh)] });
  let open!: () => void;
  holder.gate = new Promise((resolve) => (open = resolve));
  const callers = ['alice', 'bob', 'carol'];
  const sent = callers.map((sub) => get(`${url}/cats`, token({ sub }, { signWith: fresh })));
  const intruder = get(`${url}/cats`, token({ sub: 'mallory' }, { signWith: createTestKey() }));
  setTimeout(open, 100);
  // Sent last: if results were mixed up, it would get the result of the first caller.
  expect(await intruder).toMatchObject({ status: 401 });
  expect((await Promise.all(sent)).map(({ status, body }) => [status, body['sub']])).toEqual(
    callers.map((sub) => [200, sub]),
  );
});

test('requests pipelined on one connection each get their own verdict', async () => {
  const { url, token } = await setUp();
  const { hostname, port } = new URL(url);
  const subs = ['alice', undefined, 'bob', undefined, 'carol'];
  const requests = subs.map((sub, i) =>
    [
      'GET /cats HTTP/1.1',
      'Host: x',
      ...(sub ? [`Authorization: Bearer ${token({ sub })}`] : []),
      ...(i === 4 ? ['Connection: close'] : []),
      '',
      '',
    ].join('\r\n'),
  );
  const socket = connect(Number(port), hostname);
  socket.write(requests.join(''));
  const answers = (await text(socket)).split(/(?=HTTP\/1\.1 )/);
  expect(answers.map((answer) => /"sub":"(\w+)"/.exec(answer)?.[1])).toEqual(subs);
});

test('two services of two audiences in one process do not disturb each other', async () => {
  const { facts, url, token } = await setUp();
  const { url: dogs } = await startService({ ...facts, audience: 'dogs' });
  await ready(dogs);
  for (let round = 0; round < 2; round += 1) {
    expect(await get(`${url}/cats`, token())).toMatchObject({ status: 200 });
    expect(await get(`${dogs}/cats`, token())).toMatchObject({ status: 401 });
    expect(await get(`${url}/cats`, token({ aud: 'dogs' }))).toMatchObject({ status: 401 });
    expect(await get(`${dogs}/cats`, token({ aud: 'dogs' }))).toMatchObject({ status: 200 });
  }
});

test("a strategy that the application registers with passport does not replace the guard's", async () => {
  const liar = {
    success: (_user: unknown): void => undefined,
    authenticate() {
      this.success({ sub: 'liar' });
    },
  };
  passport.use('bearer', liar);
  @Global()
  @Module({
    providers: [{ provide: AuthModuleOptions, useValue: { defaultStrategy: liar } }],
    exports: [AuthModuleOptions],
  })
  class LiarModule {}
  const { facts, token } = await setUp();
  const { url } = await startService(facts, { imports: [LiarModule] });
  await ready(url);
  expect(await get(`${url}/cats`)).toMatchObject({ status: 401 });
  passport.unuse('bearer');
  expect(await get(`${url}/cats`, token({ sub: 'felix' }))).toMatchObject({
    status: 200,
    body: { sub: 'felix' },
  });
});

describe('a further check', () => {
  test('sees the claims of a good token alone, and may refuse it', async () => {
    const asked: unknown[] = [];
    const furtherCheck = async ({ sid }: Caller) => {
      asked.push(sid);
      await Promise.resolve();
      if (sid === 'ended') throw new TrustError('revoked', 'the session has ended');
    };
    const { url, token } = await setUp({ furtherCheck });
    expect(await get(`${url}/cats`, token({ sid: 'live' }))).toMatchObject({ status: 200 });
    const { status, headers, body } = await get(`${url}/cats`, token({ sid: 'ended' }));
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"']);
    expect(body).toMatchObject({ code: 'invalid_token' });
    await get(`${url}/cats`, token({ sid: 'foreign', aud: 'dogs' }));
    await get(`${url}/cats/open`);
    expect(asked).toEqual(['live', 'ended']);
  });

  test('lets no one in when it fails', async () => {
    const furtherCheck = () => Promise.reject(new Error('the database is away'));
    const { url, token } = await setUp({ furtherCheck });
    const { status, content } = await get(`${url}/cats`, token());
    expect(status).toBe(500);
    expect(content).not.toContain('database');
  });

  test('that finds a fault of ours is logged with its cause', async () => {
    const fault = new TrustError('internal', 'verification failed', { cause: new RangeError('a bug') });
    const { url, token } = await setUp({ furtherCheck: () => Promise.reject(fault) });
    const errors: unknown[] = [];
    const ignore = () => undefined;
    Logger.overrideLogger({ log: ignore, warn: ignore, error: (error: unknown) => errors.push(error) });
    expect(await get(`${url}/cats`, token())).toMatchObject({ status: 401 });
    Logger.overrideLogger(false);
    expect(errors).toEqual([fault]);
  });
});

describe('a service that lacks a fact', () => {
  test('does not compile', () => {
    const issuer: TestIssuer = createTestIssuer();
    const facts = { issuer: issuer.issuer, audience: 'cats', anchors: issuer.anchors };
    const { issuer: _i, ...noIssuer } = facts;
    const { audience: _a, ...noAudience } = facts;
    const { anchors: _n, ...noAnchors } = facts;
    TrustModule.forRoot(facts);
    // @ts-expect-error an issuer is required
    TrustModule.forRoot(noIssuer);
    // @ts-expect-error an audience is required
    TrustModule.forRoot(noAudience);
    // @ts-expect-error anchors are required
    TrustModule.forRoot(noAnchors);
    // @ts-expect-error an audience cannot be switched off
    TrustModule.forRoot({ ...facts, audience: undefined });
    // @ts-expect-error a route asks for one scope at least
    Scopes();
    Scopes('cats:write', 'cats:groom');
    // @ts-expect-error a mistyped scope is none of the application's
    Scopes('cats:wrtie');
    // @ts-expect-error also as one of several
    Scopes('cats:write', 'cats:gromm');
    const text: string = 'cats:write';
    // @ts-expect-error nor is any text
    Scopes(text);
  });

  test.each([
    ['audience', { audience: undefined as unknown as string }],
    ['audience', { audience: '' }],
    ['issuer', { issuer: '' }],
    ['trust anchor', { anchors: [] }],
    ['trust anchor', { anchors: ['junk'] }],
  ])('and does not start without its %s', async (name, broken) => {
    const issuer = createTestIssuer();
    const facts = {
      issuer: issuer.issuer,
      audience: 'cats',
      anchors: issuer.anchors,
      issuerFetchUrl: 'none',
    };
    Logger.overrideLogger(false);
    await expect(startService({ ...facts, ...broken })).rejects.toThrow(name);
  });
});
