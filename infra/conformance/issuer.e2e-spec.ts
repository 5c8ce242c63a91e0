/** The command with `--issuer`: against the auth of a running system, and against issuers with faults. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createTestKey,
  eventually,
  freePortBase,
  serve,
  startTestIssuer,
  type RunningTestIssuer,
  type TestKey,
} from '#testing';
import { removePostgresData } from '../local/postgres-home.js';
import { startSystem, type RunningSystem } from '../local/system.js';
import { portClaims } from '../system/services.js';
import { conformance } from './command.js';
import type { Report } from './report.js';

const closers: (() => Promise<unknown>)[] = [];
const folder = mkdtempSync(join(tmpdir(), 'test-issuers-'));
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(issuer: string, ...args: string[]) {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  const json = join(folder, 'report.json');
  rmSync(json, { force: true });
  const given = ['--issuer', issuer, '--timeout', '2', '--json', json, ...args];
  const code = await conformance(given, { log: print, error: print });
  const written = await readFile(json, 'utf8').catch(() => undefined);
  return { code, text: lines.join('\n'), report: written && (JSON.parse(written) as Report) };
}

/** Serves documents by their path, and returns its address. */
async function issuerOf(documents: (url: string) => Record<string, unknown>): Promise<string> {
  const listener: RequestListener = (request, response) => {
    const document = documents(server.url)[request.url!];
    if (document === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=60' });
    response.end(typeof document === 'string' ? document : JSON.stringify(document));
  };
  const server = await serve(listener);
  closers.push(server.close);
  return server.url;
}

const openid = '/.well-known/openid-configuration';
const jwk = createTestKey().publicJwk;

describe("Signet's auth", () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'test-issuer-'));
  let system: RunningSystem;
  beforeAll(async () => {
    const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
    system = await startSystem({ stateDir, portBase, durable: false });
  }, 120_000);
  afterAll(async () => {
    await system.stop();
    removePostgresData(stateDir);
    rmSync(stateDir, { recursive: true, force: true });
  }, 60_000);

  it('passes every row; only http on this machine is noted', async () => {
    // Its issuer is the exact text that its tokens have.
    const issuer = system.urls['auth']!.replace('127.0.0.1', 'localhost');
    const { code, text, report } = await run(issuer, '--watch', '2');
    expect(text).toContain('Watching');
    const others = (report as Report).results.filter(({ verdict }) => verdict !== 'pass');
    expect(others.map(({ name, verdict }) => [name, verdict])).toEqual([['scheme of the issuer', 'note']]);
    expect(code).toBe(0);
    expect((report as Report).measurements.map(({ result }) => result)).toContain(
      'there from the beginning, there at the end',
    );
  });
});

it('sees a rotation of the issuer for tests', async () => {
  const issuer = await startTestIssuer();
  closers.push(issuer.close);
  const [{ kid }, running] = [issuer.key, run(issuer.issuer, '--watch', '4')];
  // After the first poll of the watch: the first fetch was for the rows.
  await eventually(() => issuer.fetches.jwks >= 2);
  issuer.revokeKey(kid);
  const { report } = await running;
  const lives = Object.fromEntries((report as Report).measurements.map(({ name, result }) => [name, result]));
  expect(lives[`key ${kid}`]).toMatch(/^there from the beginning, left after/);
  expect(lives[`key ${issuer.key.kid}`]).toMatch(/^appeared after .* there at the end$/);
});

it.each<[string, number, (issuer: RunningTestIssuer) => TestKey]>([
  ['a key that is published passes', 0, ({ key }) => key],
  ['a key that is not published fails', 1, () => createTestKey()],
])('of the tokens that a command prints, %s', async (_what, expected, keyOf) => {
  const issuer = await startTestIssuer();
  closers.push(issuer.close);
  const token = issuer.token({}, { signWith: keyOf(issuer) });
  const { code, report, text } = await run(issuer.issuer, '--watch', '2', '--token-command', `echo ${token}`);
  const verdicts = Object.fromEntries((report as Report).results.map(({ name, verdict }) => [name, verdict]));
  expect(verdicts['each key is published before it signs']).toBe(expected === 0 ? 'pass' : 'fail');
  expect([code, text.includes(token)]).toEqual([expected, false]);
});

it('a command that prints no token fails', async () => {
  const issuer = await startTestIssuer();
  closers.push(issuer.close);
  const { code, text } = await run(issuer.issuer, '--watch', '1', '--token-command', 'exit 3');
  expect([code, text]).toEqual([1, expect.stringContaining('the command gave no token with kid and exp')]);
});

it('finds the metadata of RFC 8414 for an issuer with a path', async () => {
  const url = await issuerOf((base) => ({
    '/.well-known/oauth-authorization-server/tenant': { issuer: `${base}/tenant`, jwks_uri: `${base}/keys` },
    '/keys': { keys: [jwk] },
  }));
  expect(await run(`${url}/tenant`)).toMatchObject({ code: 0 });
});

describe('an issuer with a fault', () => {
  it('that publishes a private key fails, and the key is not printed', async () => {
    const secret = createTestKey().privateKey.export({ format: 'jwk' });
    const url = await issuerOf((base) => ({
      [openid]: { issuer: base, jwks_uri: `${base}/keys` },
      '/keys': { keys: [{ ...secret, kid: 'leaked', use: 'sig', alg: 'ES256' }] },
    }));
    const { code, text } = await run(url);
    expect(code).toBe(1);
    expect(text).toContain('no private or symmetric key: whoever reads the key set can sign tokens: leaked');
    expect(text).not.toContain(secret.d);
  });

  it('that states another issuer fails', async () => {
    const url = await issuerOf((base) => ({
      [openid]: { issuer: `${base}/`, jwks_uri: `${base}/keys` },
      '/keys': { keys: [jwk] },
    }));
    const { code, text } = await run(url);
    expect([code, text]).toEqual([1, expect.stringContaining('a verifier must refuse the metadata')]);
  });

  it('that serves no key set fails', async () => {
    const url = await issuerOf((base) => ({
      [openid]: { issuer: base, jwks_uri: `${base}/keys` },
      '/keys': '<html>',
    }));
    const { code, text } = await run(url);
    expect([code, text]).toEqual([1, expect.stringContaining('200 with 0 keys')]);
  });
});

describe('without a result, the exit code is 2', () => {
  it('if nobody listens', async () => {
    const server = await serve(() => undefined);
    await server.close();
    const { code, text } = await run(server.url);
    expect([code, text]).toEqual([2, expect.stringContaining('cannot be read: ')]);
  });

  it('if there are no metadata', async () => {
    const { code, text } = await run(await issuerOf(() => ({})));
    expect([code, text]).toEqual([2, expect.stringContaining('The issuer has no metadata at ')]);
  });

  it('if it does not answer in time', async () => {
    const server = await serve(() => undefined);
    closers.push(server.close);
    const { code, text } = await run(server.url, '--timeout', '1');
    expect([code, text]).toEqual([2, expect.stringContaining('timeout')]);
  });

  it('if the answer has no end', async () => {
    // Longer than any key set, and never ended.
    const server = await serve((_request, response) => void response.write('x'.repeat(2 * 1024 * 1024)));
    closers.push(server.close);
    const { code, text } = await run(server.url);
    expect([code, text]).toEqual([2, expect.stringContaining('longer than 1048576 bytes')]);
  });

  it('if the key set is elsewhere, until it is named; and nobody asks there before', async () => {
    let asked = 0;
    const elsewhere = await serve((_request, response) => {
      asked += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }));
    });
    closers.push(elsewhere.close);
    const url = await issuerOf((base) => ({ [openid]: { issuer: base, jwks_uri: `${elsewhere.url}/keys` } }));
    const { code, text } = await run(url);
    expect([code, asked]).toEqual([2, 0]);
    expect(text).toContain(`key set at another address: ${elsewhere.url}/keys `);
    expect(await run(url, '--jwks-uri', `${elsewhere.url}/keys`)).toMatchObject({ code: 0 });
    expect(asked).toBe(1);
  });

  it('if the metadata redirect, and nobody follows', async () => {
    let asked = 0;
    const elsewhere = await serve((_request, response) => {
      asked += 1;
      response.end();
    });
    const server = await serve((_request, response) =>
      response.writeHead(302, { location: elsewhere.url }).end(),
    );
    closers.push(server.close, elsewhere.close);
    const { code, text } = await run(server.url);
    expect([code, asked]).toEqual([2, 0]);
    expect(text).toContain('(302)');
  });

  it.each([
    [['--target', 'http://127.0.0.1'], 'Name either --target or --issuer'],
    [['--jwks-uri', 'file:///etc/hosts'], '--jwks-uri not allowed'],
    [['--watch', 'long'], '--watch not allowed: long'],
    [['--token-command', 'true'], '--token-command needs --watch'],
  ])('if an argument is wrong: %j', async (args, message) => {
    const { code, text } = await run('http://127.0.0.1:1', ...args);
    expect([code, text]).toEqual([2, expect.stringContaining(message)]);
  });
});
