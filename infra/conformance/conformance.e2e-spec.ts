/** The whole command, against Signet's own verifier and against targets with faults. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt } from 'jose';
import { freePort, serve } from '#testing';
import { openTrust } from '#trust';
import { requireToken } from '../../libs/trust/src/hosts/http.js';
import { conformance } from './command.js';
import type { Report } from './report.js';

jest.setTimeout(120_000);

const closers: (() => Promise<unknown>)[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-conformance-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the command against a server. `configure` is called when the issuer runs and the anchor is written. */
async function run(
  listener: RequestListener,
  {
    args = [],
    configure,
  }: { args?: string[]; configure?: (issuer: string, anchor: string) => Promise<void> } = {},
) {
  const server = await serve(listener);
  closers.push(server.close);
  const port = await freePort();
  const [anchor, json] = [join(folder, 'anchor.pem'), join(folder, 'report.json')];
  const lines: string[] = [];
  let configured: Promise<void> | undefined;
  const log = (line: string) => {
    lines.push(line);
    configured ??= readFile(anchor, 'utf8').then((pem) => configure?.(`http://127.0.0.1:${port}`, pem));
  };
  const given = [
    '--target',
    server.url,
    '--audience',
    'things',
    '--port',
    `${port}`,
    '--write-anchor',
    anchor,
  ];
  const quick = ['--wait', '1', '--timeout', '2', '--measure', '0', '--json', json];
  const code = await conformance([...given, ...quick, ...args], { log, error: (line) => lines.push(line) });
  await configured;
  const report = await readFile(json, 'utf8').then(
    (text) => JSON.parse(text) as Report,
    () => undefined,
  );
  return { code, text: lines.join('\n'), report };
}

const failedOf = (report: Report | undefined) =>
  report?.results.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name);

/** A server that reads the claims and believes them, as one without a verifier does. */
const believes =
  (accepts: (token: string) => boolean, challenge = 'Bearer'): RequestListener =>
  ({ headers }, response) => {
    const token = headers.authorization?.replace(/^bearer /i, '') ?? '';
    try {
      if (decodeJwt(token)['aud'] === 'things' && accepts(token)) return void response.end();
    } catch {
      // It is no token.
    }
    response.writeHead(401, { 'www-authenticate': challenge }).end();
  };

describe.each([
  ['RS256', '0'],
  ['ES256', '25'],
  ['ES384', '0'],
])("Signet's own verifier, with %s", (alg, measure) => {
  it('passes every case, also those of RFC 9068, and follows the keys', async () => {
    let guard: ReturnType<typeof requireToken> | undefined;
    const { code, text, report } = await run(
      (request, response) => {
        if (!guard) return void response.writeHead(503).end();
        void guard(request, response).then((claims) => claims && response.end());
      },
      {
        args: ['--alg', alg, '--rfc9068', '--scope', 'things:read', '--measure', measure, '--wait', '20'],
        configure: async (issuer, anchor) => {
          const trust = await openTrust({ issuer, audience: 'things', anchors: [anchor] });
          closers.push(trust.close);
          guard = requireToken(trust, { scopes: ['things:read'] });
        },
      },
    );
    expect(failedOf(report)).toEqual([]);
    expect(report!.results.filter(({ verdict }) => verdict === 'note')).toEqual([]);
    expect(code).toBe(0);
    expect(report!.results.length).toBeGreaterThan(60);
    const measured = report!.measurements.map(({ seconds }) => typeof seconds);
    expect(measured).toEqual(measure === '0' ? [] : ['number', 'number', 'number']);
    expect(text).toContain(`${report!.results.length} passed, 0 noted, 0 failed.`);
  });
});

describe('a target with a fault', () => {
  it('that accepts everything fails, and one sentence says so', async () => {
    const { code, text, report } = await run((_request, response) => response.end());
    expect(code).toBe(1);
    expect(failedOf(report)).toEqual(expect.arrayContaining(['no token', 'no signature', 'no aud']));
    expect(text).toContain('accepts requests without any token');
  });

  it('that checks no signature fails where the signature is wrong', async () => {
    const { code, text, report } = await run(believes(() => true));
    expect(code).toBe(1);
    expect(failedOf(report)).toEqual(
      expect.arrayContaining([
        'alg none, without a signature',
        'the signature of another token',
        'no signature',
      ]),
    );
    expect(failedOf(report)).not.toContain('no token');
    expect(failedOf(report)).not.toContain('aud of another service');
    expect(text).not.toContain('accepts requests without any token');
  });

  it('that fetches jku fails there, also if it fetches after its answer', async () => {
    const { report } = await run((request, response) => {
      const token = request.headers.authorization?.slice('Bearer '.length) ?? '';
      const header = Buffer.from(token.split('.')[0]!, 'base64url').toString();
      const jku = /"jku":"([^"]+)"/.exec(header)?.[1];
      if (jku === undefined) return believes(() => true)(request, response);
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      setTimeout(() => void fetch(jku), 500);
    });
    const found = report!.results.find(({ name }) => name.startsWith('jku'));
    expect(found).toMatchObject({ seen: '401', verdict: 'fail', why: expect.stringContaining('fetched') });
    expect(report!.results.find(({ name }) => name.startsWith('x5u'))!.why).not.toContain('fetched');
  });

  it('that has no challenge fails once, and a stricter rule makes a note a failure', async () => {
    const listener = believes(() => true, 'Basic realm="x"');
    const lax = failedOf((await run(listener)).report);
    const strict = failedOf((await run(listener, { args: ['--rfc9068'] })).report);
    expect(lax).toContain('every 401 names the scheme');
    expect(lax).not.toContain('no typ');
    expect(strict).toContain('no typ');
  });

  it('that asks for no scope fails only if a scope is named', async () => {
    const name = 'a token without the scope';
    const listener = believes(() => true);
    expect((await run(listener)).report!.results.map((each) => each.name)).not.toContain(name);
    expect(failedOf((await run(listener, { args: ['--scope', 'x'] })).report)).toContain(name);
  });

  it('that answers 503 once is asked again', async () => {
    let asked = 0;
    const { report } = await run((request, response) => {
      asked += 1;
      if (asked % 2 === 0) return believes(() => true)(request, response);
      response.writeHead(503, { 'retry-after': '0' }).end();
    });
    expect(report!.results[0]).toMatchObject({ name: 'a good token', verdict: 'pass' });
  });

  it('that drops the connection after a while fails, and the run ends', async () => {
    let asked = 0;
    const { code, report } = await run((request, response) => {
      asked += 1;
      if (asked < 10) return believes(() => true)(request, response);
      request.socket.destroy();
    });
    expect(code).toBe(1);
    expect(report!.results.at(-2)).toMatchObject({ seen: 'connection closed', verdict: 'fail' });
  });
});

describe('without a result, the exit code is 2', () => {
  it('if the target is down', async () => {
    const port = await freePort();
    const { code, text, report } = await run(() => undefined, {
      args: ['--target', `http://127.0.0.1:${port}`],
    });
    expect([code, report]).toEqual([2, undefined]);
    expect(text).toMatch(/never accepted a good token in 1 s. The last answer: none \(.*ECONNREFUSED/);
  });

  it('if it redirects, and it is not followed', async () => {
    let elsewhere = 0;
    const other = await serve((_request, response) => {
      elsewhere += 1;
      response.end();
    });
    closers.push(other.close);
    const { code, text } = await run((_request, response) =>
      response.writeHead(302, { location: other.url }).end(),
    );
    expect([code, elsewhere]).toEqual([2, 0]);
    expect(text).toContain('302. Redirects are not followed: name the final URL');
  });

  it('if it answers too late', async () => {
    const { code, text } = await run(() => undefined, { args: ['--timeout', '1'] });
    expect(code).toBe(2);
    expect(text).toContain('The last answer: none (no answer in 1 s)');
  });

  it('if it refuses every token', async () => {
    const { code, text } = await run(believes(() => false));
    expect(code).toBe(2);
    expect(text).toContain('The last answer: 401. Check the issuer, the JWKS address, the audience');
  });

  it('if another program has the port', async () => {
    const taken = await serve(() => undefined);
    closers.push(taken.close);
    const { code, text } = await run(() => undefined, { args: ['--port', new URL(taken.url).port] });
    expect(code).toBe(2);
    expect(text).toContain('is in use by another program. Choose another one: --port');
  });

  it.each([
    [['--target', 'ftp://127.0.0.1'], '--target not allowed: ftp://127.0.0.1'],
    [['--target', 'http://user:secret@127.0.0.1'], '--target not allowed'],
    [['--audience', ''], '--audience is missing'],
    [['--alg', 'HS256'], '--alg not allowed: HS256. Expected: RS256'],
    [['--port', '0'], '--port not allowed: 0. Expected: 1 to 65535'],
    [['--flood', '-1'], 'flood'],
    [['--issuer', 'http://127.0.0.1'], 'Name either --target or --issuer'],
    [['--nonsense'], "Unknown option '--nonsense'"],
  ])('if an argument is wrong: %j', async (args, message) => {
    const { code, text } = await run(() => undefined, { args });
    expect(code).toBe(2);
    expect(text).toContain(message);
    expect(text).toContain('Usage: npm run conformance');
  });
});

it('writes JUnit XML for CI', async () => {
  const path = join(folder, 'report.xml');
  const { report } = await run((_request, response) => response.end(), { args: ['--junit', path] });
  const xml = await readFile(path, 'utf8');
  expect(xml).toContain(`tests="${report!.results.length}" failures="${failedOf(report)!.length}"`);
});
