/** The client key of a service is exchanged in a running system: by the command, and with a crash at each step. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePortBase, signCompact } from '#testing';
import { projectRoot } from '../project.js';
import { readCredentials, readSecret, secretPaths } from '../system/secrets.js';
import { guardedServices, portClaims, services } from '../system/services.js';
import { removePostgresData } from './postgres-home.js';
import { rotateClientKey } from './rotate-client.js';
import { startSystem, type RunningSystem } from './system.js';

const service = guardedServices[0]!.name;
const patience = 240_000;
let stateDir: string;
let system: RunningSystem;
let customers: string;

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'test-rotate-client-'));
  const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  // The token of the customer outlives this spec.
  const settings = { ACCESS_TOKEN_SECONDS: '3600', MAX_TOKEN_SECONDS: '3600', STATEMENT_SECONDS: '7200' };
  system = await startSystem({ stateDir, portBase, durable: false, settings: { auth: settings } });
  customers = await logIn();
}, patience);

afterAll(async () => {
  await system?.stop();
  removePostgresData(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
}, 60_000);

const present = () => readSecret(secretPaths.clientKey(stateDir, service));

async function logIn(): Promise<string> {
  const answer = await fetch(`${system.urls['auth']}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(readCredentials(stateDir).demo),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

/** Asks whether the token of the customer is good, authenticated by this private half. Returns the status. */
async function introspectWith(pem: string): Promise<number> {
  const now = Math.floor(Date.now() / 1000);
  const names = { iss: service, sub: service, aud: system.running.issuer };
  const answer = await fetch(`${system.urls['auth']}/oauth/introspect`, {
    method: 'POST',
    body: new URLSearchParams({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: signCompact(
        { alg: 'ES256', typ: 'client-authentication+jwt' },
        { ...names, exp: now + 60, jti: randomUUID() },
        { alg: 'ES256', privateKey: createPrivateKey(pem) },
      ),
      token: customers,
    }),
  });
  await answer.text();
  return answer.status;
}

/** Runs what `npm run keys` runs. */
function keys(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = join(projectRoot, 'dist/infra/local/run-key-command.js');
  return promisify(execFile)(process.execPath, [program, ...args, '--state-dir', stateDir]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      stdout,
      stderr,
    }),
  );
}

async function inDatabase<T>(sql: string): Promise<T[]> {
  const login = {
    host: '127.0.0.1',
    port: system.running.postgres.port,
    user: 'postgres',
    password: readSecret(secretPaths.superuserPassword(stateDir)),
  };
  const client = new pg.Client({ ...login, database: 'auth' });
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}
/** The keys of the service that have no planned end. */
const lastingKeys = async () =>
  (
    await inDatabase<{ x: string }>(
      `SELECT public_jwk->>'x' AS x FROM client_key WHERE client_id = '${service}' AND not_after IS NULL`,
    )
  ).map(({ x }) => x);
const xOf = (pem: string) => createPrivateKey(pem).export({ format: 'jwk' }).x;
/** The exchange is over: one key lasts, it is in its place, and the public file names it alone. */
async function expectSettled(): Promise<void> {
  expect(await lastingKeys()).toEqual([xOf(present())]);
  expect(existsSync(secretPaths.nextClientKey(stateDir, service))).toBe(false);
  const { jwks } = JSON.parse(readFileSync(secretPaths.client(stateDir, service), 'utf8')) as {
    jwks: { keys: { x: string }[] };
  };
  expect(jwks.keys.map(({ x }) => x)).toEqual([xOf(present())]);
}

describe('npm run keys -- rotate-client', () => {
  it(
    'exchanges the key while the service uses it: no request is refused, with the old key or the new one',
    async () => {
      const old = present();
      const statuses: number[] = [];
      let isOver = false;
      const traffic = (async () => {
        while (!isOver) statuses.push(await introspectWith(present()), await introspectWith(old));
      })();
      const { code, stdout } = await keys('rotate-client', service);
      expect(stdout).toContain(`${service} uses its new client key.\n`);
      expect(code).toBe(0);
      statuses.push(await introspectWith(present()), await introspectWith(old));
      isOver = true;
      await traffic;
      expect(statuses.length).toBeGreaterThan(10);
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect(present()).not.toBe(old);
      await expectSettled();

      await inDatabase('UPDATE client_key SET not_after = now() WHERE not_after IS NOT NULL');
      expect([await introspectWith(old), await introspectWith(present())]).toEqual([401, 200]);
    },
    patience,
  );

  it(
    'with --compromised: the old key ends at once, and the client is disabled until it is enabled',
    async () => {
      const stolen = present();
      const { code, stdout } = await keys('rotate-client', service, '--compromised');
      expect(stdout).toContain(`It stays disabled until: npm run keys -- enable-client ${service}\n`);
      expect(code).toBe(0);
      await expectSettled();
      expect([await introspectWith(stolen), await introspectWith(present())]).toEqual([401, 401]);
      expect(await keys('enable-client', service)).toMatchObject({ code: 1 });
      await inDatabase('UPDATE revocation SET expires_at = now()');
      expect(await keys('enable-client', service)).toMatchObject({ code: 0 });
      expect([await introspectWith(stolen), await introspectWith(present())]).toEqual([401, 200]);
    },
    patience,
  );

  it.each(['auth', 'web', 'no_service', ''])('knows no client key of %j', async (name) => {
    const before = present();
    const { code, stderr } = await keys('rotate-client', name);
    const clients = services.slice(1).map((row) => row.name);
    expect([code, stderr]).toEqual([
      2,
      `npm run keys -- rotate-client ${clients.join('|')} [--compromised]\n`,
    ]);
    expect(present()).toBe(before);
  });
});

describe('a rotation that crashes', () => {
  /** Rotates. With `crash`, everything stops before or after this command of auth. */
  async function rotate(crash?: readonly ['before' | 'after', number], compromised = false): Promise<void> {
    let calls = 0;
    const runKeys = async (args: readonly string[]) => {
      calls += 1;
      if (crash?.[0] === 'before' && crash[1] === calls) throw new Error('crash');
      expect(await keys(...args)).toMatchObject({ code: 0 });
      if (crash?.[0] === 'after' && crash[1] === calls) throw new Error('crash');
    };
    await rotateClientKey({ stateDir, service, compromised, runKeys });
  }

  it.each([
    ['before', 1, 'the next key is made'],
    ['after', 1, 'auth accepts the next key'],
    ['before', 2, 'the next key is in its place'],
    ['after', 2, 'the old key has an end'],
  ] as const)(
    '%s command %i, when %s: the service goes on, and the same command ends the rotation',
    async (when, call, _what) => {
      const old = present();
      await expect(rotate([when, call])).rejects.toThrow('crash');
      const between = present();
      expect([await introspectWith(between), await introspectWith(old)]).toEqual([200, 200]);
      await rotate();
      expect([await introspectWith(present()), await introspectWith(old)]).toEqual([200, 200]);
      expect(present()).not.toBe(old);
      // A key that was in its place before the crash stays: the repeated command makes no other.
      if (call === 2) expect(present()).toBe(between);
      await expectSettled();
    },
    patience,
  );

  it(
    'and turns out to be compromised: the key of the crashed rotation is not used either',
    async () => {
      await expect(rotate(['before', 2])).rejects.toThrow('crash');
      const between = present();
      await rotate(undefined, true);
      expect(present()).not.toBe(between);
      await expectSettled();
      await inDatabase('UPDATE revocation SET expires_at = now()');
      expect(await keys('enable-client', service)).toMatchObject({ code: 0 });
      expect([await introspectWith(between), await introspectWith(present())]).toEqual([401, 200]);
    },
    patience,
  );

  it('is not joined by another', async () => {
    const other = () =>
      rotateClientKey({ stateDir, service, compromised: false, runKeys: () => Promise.resolve() });
    let joined: unknown;
    const runKeys = async () => {
      joined ??= await other().catch((error: unknown) => error);
      throw new Error('crash');
    };
    await expect(rotateClientKey({ stateDir, service, compromised: false, runKeys })).rejects.toThrow(
      'crash',
    );
    expect(joined).toMatchObject({ code: 'already_running' });
  });
});
