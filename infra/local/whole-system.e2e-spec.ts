/** Runs all services as real processes, as `npm start` does. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { eventually, freePortBase } from '#testing';
import { projectRoot } from '../project.js';
import { readCredentials, readSecret, secretPaths } from '../system/secrets.js';
import { guardedServices, portClaims } from '../system/services.js';
import { removePostgresData } from './postgres-home.js';
import { startSystem, type RunningSystem } from './system.js';
import { exchange } from '../tour/exchange.js';
import { runTour } from '../tour/story.js';

const service = guardedServices[0]!;

let stateDir: string;
let system: RunningSystem;

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'test-whole-'));
  const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  system = await startSystem({
    stateDir,
    portBase,
    durable: false,
    settings: { auth: { COUNTED_SECONDS: '4' } },
  });
}, 120_000);

afterAll(async () => {
  await system.stop();
  removePostgresData(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
}, 60_000);

describe('the whole system', () => {
  it('shows the tour twice', async () => {
    const told: string[] = [];
    const { admin } = readCredentials(stateDir);
    const options = {
      urls: system.urls,
      admin,
      clientKeyFile: (service: string) => secretPaths.clientKey(stateDir, service),
      print: (text: string) => void told.push(text),
    };
    for (const _round of [1, 2]) await runTour(options);
    expect(told.join('\n')).not.toContain(admin.password);
  }, 120_000);

  it('explains what becomes of a token, and leaves no verifier behind', async () => {
    const token = await logIn(service.guardedRoute.role, service.name);
    expect(await explain(`Bearer ${token}\n`)).toMatchObject({ status: 0, stderr: '' });
    await exchange('POST', `${system.urls['auth']}/auth/logout`, { token });
    await eventually(async () => {
      const { status, stdout } = await explain(token);
      expect([status, stdout]).toEqual([2, expect.stringMatching(/^ok +bad_signature .*^FAILS +revoked /ms)]);
    });
    expect(await explain('')).toMatchObject({ status: 1, stderr: 'There is no token on standard input\n' });
    expect((await explain(token, '--audience', 'nobody')).stderr).toMatch(
      /^No service has the audience "nobody"/,
    );
    const admin = await logIn('admin', 'auth');
    const { body } = await exchange<{ verifiers: { service: string }[] }>(
      'GET',
      `${system.urls['auth']}/admin/verifiers`,
      { token: admin },
    );
    // With the short COUNTED_SECONDS of this spec, the service itself may be absent for a moment.
    const ofService = body.verifiers.filter((verifier) => verifier.service === service.name);
    expect(ofService.length).toBeLessThanOrEqual(1);
  }, 60_000);

  it('verifies tokens while auth is stopped and its private keys and its database are gone', async () => {
    const token = await logIn(service.guardedRoute.role, service.name);
    const foreign = await logIn('admin', 'auth');

    await system.halt('auth');
    // This removes the key-encryption key and the private half of the anchor. The signing keys go with the database.
    renameSync(secretPaths.of(stateDir, 'auth'), join(stateDir, 'out-of-reach'));
    await dropDatabaseOf('auth');
    await Promise.all(guardedServices.map(({ name }) => system.restart(name)));

    await eventually(async () => (await knock(token)) === 200);
    expect(await knock(`${token.slice(0, -6)}AAAAAA`)).toBe(401);
    // The token is genuine, but it is for another audience.
    expect(await knock(foreign)).toBe(401);
    const { freshness, statements } = (await (await fetch(`${system.urls[service.name]}/trust`)).json()) as {
      freshness: string;
      statements: { accepted: Record<string, number> };
    };
    expect(['confirmed', 'unconfirmed']).toContain(freshness);
    expect(statements.accepted).toMatchObject({ file: 1, http: 0 });
  }, 60_000);
});

async function logIn(role: 'customer' | 'admin', audience: string): Promise<string> {
  const { admin, demo } = readCredentials(stateDir);
  const body = { ...(role === 'admin' ? admin : demo), audience };
  const url = `${system.urls['auth']}/auth/login`;
  return (await exchange<{ access_token: string }>('POST', url, { body })).body.access_token;
}

/** Shows a token to the service. Returns the status. */
async function knock(token: string): Promise<number> {
  const { route, body } = service.guardedRoute;
  const [method = '', path = ''] = route.split(' ');
  return (await exchange(method, `${system.urls[service.name]}${path}`, { token, body })).status;
}

async function dropDatabaseOf(service: string): Promise<void> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: system.running.postgres.port,
    user: 'postgres',
    password: readSecret(secretPaths.superuserPassword(stateDir)),
    database: 'postgres',
  });
  await client.connect();
  await client.query(`DROP DATABASE ${service} WITH (FORCE)`);
  await client.end();
}

/**
 * Runs `npm run explain`. Not with `spawnSync`: this process would not notice that a server closes an idle connection, and
 * use it for the next request.
 */
async function explain(token: string, ...args: string[]) {
  const program = join(projectRoot, 'dist/infra/explain/explain.js');
  const child = spawn(process.execPath, [program, '--state-dir', stateDir, ...args], { timeout: 20_000 });
  child.stdin.end(token);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { status, stdout, stderr };
}
