/** Runs the three services as real processes, as `npm start` does. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { eventually, freePortBase, signCompact } from '#testing';
import { readCredentials, readSecret, secretPaths } from '../system/secrets.js';
import { portClaims } from '../system/services.js';
import { removePostgresData } from './postgres-home.js';
import { startSystem, type RunningSystem } from './system.js';
import { runTour } from '../tour/story.js';

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
    const { auth, orders, inventory } = system.urls as Record<'auth' | 'orders' | 'inventory', string>;
    const told: string[] = [];
    const { admin } = readCredentials(stateDir);
    const options = {
      urls: { auth, orders, inventory },
      admin,
      clientKeyFile: secretPaths.clientKey(stateDir, 'orders'),
      print: (text: string) => void told.push(text),
    };
    for (const _round of [1, 2]) await runTour(options);
    expect(told.join('\n')).not.toContain(admin.password);
  }, 120_000);

  it('exchanges a token for orders with the client key of orders, and inventory accepts the new token', async () => {
    const metadata = await fetch(`${system.urls['inventory']}/.well-known/oauth-protected-resource`);
    // auth knows inventory by the same URL as inventory itself (RFC 9728, RFC 8707).
    const { resource } = (await metadata.json()) as { resource: string };
    const now = Math.floor(Date.now() / 1000);
    const names = { iss: 'orders', sub: 'orders', aud: system.running.issuer };
    const key = createPrivateKey(readSecret(secretPaths.clientKey(stateDir, 'orders')));
    const answer = await fetch(`${system.urls['auth']}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: signCompact(
          { alg: 'ES256', typ: 'client-authentication+jwt' },
          { ...names, exp: now + 60, jti: randomUUID() },
          { alg: 'ES256', privateKey: key },
        ),
        resource,
        subject_token: await logIn(),
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      }),
    });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    // It is good at inventory, but it does not permit everything there.
    expect(await putStock(token)).toBe(403);
    const orders = await fetch(`${system.urls['orders']}/orders`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(orders.status).toBe(401);
  });

  it('verifies tokens while auth is stopped and its private keys and its database are gone', async () => {
    const token = await logIn();

    await system.halt('auth');
    // This removes the key-encryption key and the private half of the anchor. The signing keys go with the database.
    renameSync(secretPaths.of(stateDir, 'auth'), join(stateDir, 'out-of-reach'));
    await dropDatabaseOf('auth');
    await Promise.all(['orders', 'inventory'].map((service) => system.restart(service)));

    const orders = (authorization: string) =>
      fetch(`${system.urls['orders']}/orders`, { headers: { authorization } }).then(({ status }) => status);
    await eventually(async () => (await orders(`Bearer ${token}`)) === 200);
    expect(await orders(`Bearer ${token.slice(0, -6)}AAAAAA`)).toBe(401);
    // The token is genuine, but it is for another audience.
    expect(await putStock(token)).toBe(401);
    const { freshness, statements } = (await (await fetch(`${system.urls['orders']}/trust`)).json()) as {
      freshness: string;
      statements: { accepted: Record<string, number> };
    };
    expect(['confirmed', 'unconfirmed']).toContain(freshness);
    expect(statements.accepted).toMatchObject({ file: 1, http: 0 });
  }, 60_000);
});

/** A token for orders, of the demo user. */
async function logIn(): Promise<string> {
  const answer = await fetch(`${system.urls['auth']}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(readCredentials(stateDir).demo),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

/** Tries to change the stock of a product. Returns the status. */
async function putStock(token: string): Promise<number> {
  const answer = await fetch(`${system.urls['inventory']}/products/WAX-RED/stock`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"stock":1}',
  });
  return answer.status;
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
