/**
 * Packs the verifier, installs it into empty folders, compiles the programs of its README there, and runs them against an
 * issuer. Each folder has only the packages that its program is said to need.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { createTestIssuer, createTestKey, eventually, freePort, serve, type TestIssuer } from '#testing';
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
const programs = programsIn(readme);

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
  let issuer: TestIssuer;
  /** What the issuer answers. */
  let statement: string;
  let closeIssuer: () => Promise<void>;
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
  /** Publishes a statement. A token with an unknown kid makes the program fetch it. */
  const publish = async (payload: Record<string, unknown>) => {
    statement = issuer.statement(payload);
    await send(token({}, { signWith: createTestKey() }));
  };

  beforeAll(async () => {
    const server = await serve((request, response) => {
      response.statusCode = request.url === '/.well-known/keyset' ? 200 : 404;
      response.end(statement);
    });
    closeIssuer = server.close;
    issuer = createTestIssuer({ issuer: server.url });
    statement = issuer.statement();
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
    await closeIssuer();
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
    const { kid } = issuer.key;
    const now = Math.floor(Date.now() / 1000);
    await publish({
      keys: [{ ...issuer.standby.publicJwk, status: 'active' }],
      revoked: [{ kid, revoked_at: now, reason: 'compromised' }],
    });
    expect(await send(good)).toMatchObject({ status: 401, challenge: 'Bearer error="invalid_token"' });
    expect((await send(token({}, { signWith: issuer.standby }))).status).toBe(200);
  });

  it('answers 503 when its statement has expired', async () => {
    await publish({
      exp: Math.floor(Date.now() / 1000) + 3,
      keys: [{ ...issuer.standby.publicJwk, status: 'active' }],
    });
    const good = token({}, { signWith: issuer.standby });
    await eventually(async () => (await send(good)).status === 503, { timeoutMs: 10_000 });
    const { challenge, response } = await send(good);
    expect(challenge).toBeNull();
    expect(response.headers.get('retry-after')).toBe('1');
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

it('compiles what docs/adapters.md shows', () => {
  const user = join(folder, 'adapters');
  install(user, [
    ...['@nestjs/common', '@nestjs/jwt', 'express', 'fast-jwt', 'jsonwebtoken', 'passport-jwt'],
    ...['@types/express', '@types/jsonwebtoken', '@types/passport-jwt'],
  ]);
  const shown = programsIn(readProjectFile('docs/adapters.md'));
  const imports = Object.keys(shown).map((name) => `import './${name.replace(/ts$/, 'js')}';`);
  compile(user, 'all', { ...shown, 'all.ts': imports.join('\n') });
  expect(imports.length).toBeGreaterThan(5);
});

/** The blocks of a page that are files, by their names: the first line is a comment with the name. */
function programsIn(page: string): Record<string, string> {
  const blocks = page.matchAll(/```ts\n\/\/ (\S+)\n([^]*?)```/g);
  return Object.fromEntries([...blocks].map(([, name, text]) => [name!, text!]));
}

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

function run(command: string, args: readonly string[], cwd = folder): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
}
