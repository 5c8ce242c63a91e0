/** Runs the services of the demo as real processes, as `npm start` does. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePortBase, signCompact } from '#testing';
import { readCredentials, readSecret, secretPaths } from '../system/secrets.js';
import { portClaims } from '../system/services.js';
import { exchange } from '../tour/exchange.js';
import { documentsOf, runGeneratedClient } from './generated-client.js';
import { removePostgresData } from './postgres-home.js';
import { startSystem, type RunningSystem } from './system.js';

let stateDir: string;
let system: RunningSystem;

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'test-demo-'));
  const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  system = await startSystem({ stateDir, portBase, durable: false });
}, 120_000);

afterAll(async () => {
  await system?.stop();
  removePostgresData(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
}, 60_000);

describe('orders and inventory', () => {
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
    const stock = `${system.urls['inventory']}/products/WAX-RED/stock`;
    expect((await exchange('PUT', stock, { token, body: { stock: 1 } })).status).toBe(403);
    expect((await exchange('GET', `${system.urls['orders']}/orders`, { token })).status).toBe(401);
  });

  it('have documents from which a client can be generated', async () => {
    const { demo } = readCredentials(stateDir);
    const found = await runGeneratedClient({
      folder: join(stateDir, 'client'),
      urls: system.urls,
      documents: await documentsOf(system.urls),
      program,
      env: { DEMO: JSON.stringify(demo) },
    });
    expect(found).toEqual({
      order: { status: 'placed', quantity: 2 },
      orders: 1,
      refused: 'invalid_request',
    });
  }, 90_000);
});

/** A token for orders, of the demo user. */
async function logIn(): Promise<string> {
  const body = readCredentials(stateDir).demo;
  const url = `${system.urls['auth']}/auth/login`;
  return (await exchange<{ access_token: string }>('POST', url, { body })).body.access_token;
}

/** A program that a customer of the shop could write. */
const program = `
import createClient from 'openapi-fetch';
import type { paths as Auth } from './auth.js';
import type { paths as Inventory } from './inventory.js';
import type { paths as Orders } from './orders.js';

const urls = JSON.parse(process.env['URLS']!) as Record<'auth' | 'orders' | 'inventory', string>;
const auth = createClient<Auth>({ baseUrl: urls.auth });
const orders = createClient<Orders>({ baseUrl: urls.orders });
const inventory = createClient<Inventory>({ baseUrl: urls.inventory });

const { data } = await auth.POST('/auth/login', { body: JSON.parse(process.env['DEMO']!) });
const headers = { authorization: 'Bearer ' + data!.access_token };
const products = (await inventory.GET('/products', { params: { query: { limit: 5 } } })).data!;
const lines = [{ sku: products.items[0]!.sku, quantity: 2 }];
const placed = (await orders.POST('/orders', { headers, body: { lines } })).data!;
const list = (await orders.GET('/orders', { headers })).data!;
const { error } = await orders.POST('/orders', {
  headers,
  // @ts-expect-error a quantity is a number
  body: { lines: [{ sku: 'WAX-RED', quantity: 'two' }] },
});

console.log(
  JSON.stringify({
    order: { status: placed.status, quantity: placed.lines[0]!.quantity },
    orders: list.items.length,
    refused: error!.code,
  }),
);
`;
