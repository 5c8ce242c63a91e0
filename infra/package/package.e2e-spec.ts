/**
 * Packs the verifier, installs it into empty folders, compiles the programs of its README there, and runs them against an
 * issuer. Each folder has only the packages that its program is said to need.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core';
import { publint } from 'publint';
import {
  createTestIssuer,
  createTestKey,
  eventually,
  freePort,
  startTestIssuer,
  startTestNats,
  startTestPublisher,
  type RunningTestIssuer,
} from '#testing';
import { projectRoot, readProjectFile } from '../project.js';
import { writePackage, type Tarball } from './write-package.js';

jest.setTimeout(120_000);

const nest = ['@nestjs/common', '@nestjs/core', '@nestjs/passport', 'passport', 'passport-jwt', 'rxjs'];
/** The programs of the README, each with the packages that a user installs beside the verifier and what it needs. */
const hosts = {
  http: [],
  express: ['express', '@types/express'],
  fastify: ['fastify'],
  'nest-express': [...nest, 'reflect-metadata', '@nestjs/platform-express'],
  'nest-fastify': [...nest, 'reflect-metadata', '@nestjs/platform-fastify'],
};
const readme = readProjectFile('libs/trust/README.md');
/** The blocks of a page that are files: the first line is a comment with the name. */
const programsOf = (page: string) =>
  Object.fromEntries(
    [...page.matchAll(/```ts\n\/\/ (\S+)\n([^]*?)```/g)].map(([, name, text]) => [name!, text!]),
  );
const programs = programsOf(readme);

let folder: string;
let tarball: Tarball;
const manifest = () =>
  JSON.parse(readFileSync(join(folder, 'package/content/package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'test-package-'));
  tarball = writePackage(join(folder, 'package'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the tarball', () => {
  it('depends on two packages', () => {
    expect(Object.keys(manifest().dependencies)).toEqual(['jose', 'zod']);
  });

  it('has an issuer for tests that imports nothing but Node', () => {
    const texts = ['package', 'test-issuer', 'test-issuer-server', 'http-server'].map((name) =>
      readFileSync(join(folder, `package/content/lib/testing/${name}.js`), 'utf8'),
    );
    const imported = texts.flatMap((text) => [...text.matchAll(/from '([^']+)'/g)].map(([, name]) => name!));
    expect(imported.filter((name) => !/^(?:node:|\.\/)/.test(name))).toEqual([]);
    expect(readdirSync(join(folder, 'package/content/lib/testing'))).toHaveLength(2 * texts.length);
  });

  it('has no fault that publint finds', async () => {
    const { buffer, byteOffset, byteLength } = readFileSync(tarball.path);
    const packed = buffer.slice(byteOffset, byteOffset + byteLength);
    const { messages } = await publint({ pack: { tarball: packed }, strict: true });
    expect(messages).toEqual([]);
  });

  it('has types that a user of ES modules or of a bundler finds', async () => {
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball.path)));
    if (!analysis.types) throw new Error('the package has no types');
    const others = ['node10', 'node16-cjs'];
    const isForUs = (problem: Problem) =>
      !('resolutionKind' in problem && others.includes(problem.resolutionKind));
    expect(analysis.problems.filter(isForUs)).toEqual([]);
    expect(Object.keys(analysis.entrypoints)).toContain('./nest/metrics');
  });

  it('is as large as the README says, rounded', () => {
    const [, packed, unpacked] = /Packed it has (\d+) kB, unpacked (\d+) kB/.exec(readme)!.map(Number);
    expect(Math.abs(tarball.packed / 1000 - packed!)).toBeLessThan(2);
    expect(Math.abs(tarball.unpacked / 1000 - unpacked!)).toBeLessThan(2);
  });
});

describe.each(Object.entries(hosts))('the program for %s in the README', (host, packages) => {
  let issuer: RunningTestIssuer;
  let program: ChildProcess;
  let url: string;
  const token = (claims = {}, signing = {}) =>
    issuer.token({ aud: 'things', scope: 'things:read', ...claims }, signing);
  const send = async (sent?: string) => {
    const headers = sent === undefined ? {} : { authorization: `Bearer ${sent}` };
    const response = await fetch(`${url}/things`, { headers, signal: AbortSignal.timeout(5_000) });
    const body = (await response.json()) as Record<string, unknown>;
    return { status: response.status, challenge: response.headers.get('www-authenticate'), body, response };
  };
  beforeAll(async () => {
    issuer = await startTestIssuer();
    const user = join(folder, host);
    install(user, packages);
    writeFileSync(join(user, 'anchor.pem'), issuer.anchors[0]!);
    compile(user, host);
    const port = String(await freePort());
    url = `http://127.0.0.1:${port}`;
    program = spawn(process.execPath, [`${host}.js`], {
      cwd: user,
      env: { PATH: process.env['PATH'], ISSUER: issuer.issuer, PORT: port },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    // NestJS listens a moment before the first statement is here, and answers 503 until then.
    await eventually(async () => (await send(token())).status === 200, { timeoutMs: 20_000 });
  });
  afterAll(async () => {
    program.kill();
    await issuer.close();
  });

  it('answers 401 without a token, and says no more', async () => {
    expect(await send()).toMatchObject({ status: 401, challenge: 'Bearer', body: { code: 'missing_token' } });
  });

  it('accepts a good token, also for the second time', async () => {
    const good = token();
    for (const sent of [good, good])
      expect(await send(sent)).toMatchObject({ status: 200, body: { hello: 'user-1' } });
  });

  it.each<[string, () => string]>([
    ['for another service', () => token({ aud: 'other' })],
    [
      'of another key with a known kid',
      () => token({}, { signWith: createTestKey(), header: { kid: issuer.key.kid } }),
    ],
    ['of a key that nobody published', () => token({}, { signWith: createTestKey() })],
    ['that has expired', () => token({ iat: 1_700_000_000, exp: 1_700_000_300 })],
  ])('answers 401 to a token %s', async (_name, bad) => {
    expect(await send(bad())).toMatchObject({
      status: 401,
      challenge: 'Bearer error="invalid_token"',
      body: { status: 401, code: 'invalid_token', title: 'The access token is not valid here' },
    });
  });

  it('answers 403 without the scope, and names it', async () => {
    expect(await send(token({ scope: 'things:write' }))).toMatchObject({
      status: 403,
      challenge: 'Bearer error="insufficient_scope", scope="things:read"',
    });
  });

  it('refuses a token whose key was revoked', async () => {
    const good = token();
    expect((await send(good)).status).toBe(200);
    issuer.revokeKey(issuer.key.kid);
    // A token of the next key makes the program fetch.
    expect((await send(token())).status).toBe(200);
    expect(await send(good)).toMatchObject({ status: 401, challenge: 'Bearer error="invalid_token"' });
  });

  it('answers 503 when its statement has expired', async () => {
    issuer.changeStatements({ exp: Math.floor(Date.now() / 1000) + 3 });
    issuer.rotate();
    const good = token();
    await send(good);
    await eventually(async () => (await send(good)).status === 503, { timeoutMs: 10_000 });
    const { challenge, response } = await send(good);
    expect(challenge).toBeNull();
    expect(response.headers.get('retry-after')).toBe('1');
  });
});

describe('the tests of docs/test-a-guarded-route.md', () => {
  const tests = programsOf(readProjectFile('docs/test-a-guarded-route.md'));
  let user: string;

  beforeAll(() => {
    user = join(folder, 'tests');
    install(user, ['@jest/globals', 'jest']);
    const config = { testMatch: ['**/*.jest.js'], transform: {}, testEnvironment: 'node' };
    writeFileSync(join(user, 'jest.config.json'), JSON.stringify(config));
    compile(user, 'things.test', tests);
    compile(user, 'things.jest', {});
  });

  it('pass with node:test', () => {
    // Without --test, which would start one more process.
    const { status, stdout } = run(process.execPath, ['things.test.js'], user);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^. pass 4$/m)]);
  });

  it('pass with Jest', () => {
    const program = join(projectRoot, 'node_modules/jest/bin/jest.js');
    const { status, stderr } = run(process.execPath, ['--experimental-vm-modules', program], user);
    expect([status, stderr]).toEqual([0, expect.stringContaining('4 passed')]);
  });

  it('fail if the server lets everything in', () => {
    const open = tests['app.ts']!.replace('await admit(request, response)', "{ sub: 'anybody' }");
    compile(user, 'things.test', { 'app.ts': open });
    expect(() => run(process.execPath, ['things.test.js'], user)).toThrow(/^. fail 2$/m);
  });
});

it('does not compile with a scope that was not declared', () => {
  const user = join(folder, 'mistyped');
  install(user, hosts['nest-express']);
  const mistyped = programs['things.module.ts']!.replace("@Scopes('things:read')", "@Scopes('thing:read')");
  writeFileSync(join(user, 'settings.ts'), programs['settings.ts']!);
  writeFileSync(join(user, 'mistyped.ts'), mistyped);
  expect(() => compile(user, 'mistyped', {})).toThrow('"thing:read"');
});

describe('the program with NATS in the README', () => {
  it('hears a revocation over NATS, and ends by itself when it is closed', async () => {
    const nats = await startTestNats();
    const publisher = await startTestPublisher(nats);
    // Nothing listens there, so all that the program knows came over NATS.
    const issuer = createTestIssuer({ issuer: 'http://127.0.0.1:1' });
    const user = join(folder, 'nats');
    install(user, ['@nats-io/transport-node']);
    writeFileSync(join(user, 'anchor.pem'), issuer.anchors[0]!);
    writeFileSync(join(user, 'nats.nk'), `${nats.nkeySeed('orders')}\n`);
    const ofOrders = programs['settings.ts']!.replace("'things'", "'orders'");
    const judges = `import { close, trust } from './nats.js';
      const code = (error: { code: string }) => error.code;
      const judge = () => trust.verify(process.env.TOKEN!, { strict: true }).then(() => 'accepted', code);
      console.log(await judge());
      while ((await judge()) === 'accepted') await new Promise((resolve) => setTimeout(resolve, 10));
      console.log(await judge());
      await close();`;
    compile(user, 'judges', { ...programs, 'settings.ts': ofOrders, 'judges.ts': judges });
    try {
      await publisher.publishStatement(issuer.statement());
      const program = spawn(process.execPath, ['judges.js'], {
        cwd: user,
        env: {
          PATH: process.env['PATH'],
          ISSUER: issuer.issuer,
          NATS_URL: nats.url,
          TOKEN: issuer.token({ aud: 'orders', sid: 'session-1' }),
        },
        // It warns that it cannot fetch over HTTP.
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: 30_000,
      });
      const ended = once(program, 'close');
      let printed = '';
      program.stdout.on('data', (text: Buffer) => (printed += text.toString()));
      await eventually(() => printed.includes('accepted'), { timeoutMs: 20_000 });
      await publisher.publishRevocation(1, issuer.revocation(1, { sid: 'session-1' }));
      expect(await ended).toEqual([0, null]);
      expect(printed).toBe('NATS connected\naccepted\nrevoked\n');
    } finally {
      await publisher.close();
      await nats.close();
    }
  });
});

it('compiles what docs/adapters.md shows', () => {
  const user = join(folder, 'adapters');
  install(user, [
    ...['@nestjs/common', '@nestjs/jwt', 'express', 'fast-jwt', 'jsonwebtoken', 'passport-jwt'],
    ...['@types/express', '@types/jsonwebtoken', '@types/passport-jwt'],
  ]);
  const shown = programsOf(readProjectFile('docs/adapters.md'));
  const imports = Object.keys(shown).map((name) => `import './${name.replace(/ts$/, 'js')}';`);
  compile(user, 'all', { ...shown, 'all.ts': imports.join('\n') });
  expect(imports.length).toBeGreaterThan(5);
});

/**
 * Installs the tarball as a user does, but without a registry: the packages that it needs come from the repository. The
 * others are links, because npm would install what they need into the repository.
 */
function install(user: string, packages: readonly string[]): void {
  mkdirSync(user);
  writeFileSync(join(user, 'package.json'), JSON.stringify({ type: 'module' }));
  const inRepository = (name: string) => join(projectRoot, 'node_modules', name);
  const needed = Object.keys(manifest().dependencies).map(inRepository);
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball.path, ...needed], user);
  for (const name of ['@types/node', ...packages]) {
    const link = join(user, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(inRepository(name), link, 'junction');
  }
}

/** Compiles a program of the README, and what it imports. @throws Error with what the compiler says */
function compile(user: string, program: string, files = programs): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(user, name), text);
  const options = ['--strict', '--skipLibCheck', '--experimentalDecorators', '--emitDecoratorMetadata'];
  const target = ['--target', 'es2023', '--module', 'nodenext', '--types', 'node', `${program}.ts`];
  run(process.execPath, [join(projectRoot, 'node_modules/typescript/bin/tsc'), ...options, ...target], user);
}

/** Runs a program to its end. @throws Error with what it printed, if it fails */
function run(command: string, args: readonly string[], cwd = folder) {
  // A test runner that was started by another one behaves as a part of it.
  const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, JEST_WORKER_ID: _id, ...env } = process.env;
  const ended = spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 60_000 });
  const { status, stdout, stderr } = ended;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
  return ended;
}
