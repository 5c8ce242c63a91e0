/** The OpenAPI documents of the running services are valid, and a client can be generated from them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Validator } from '@seriousme/openapi-schema-validator';
import openapiTypescript, { astToString, type OpenAPI3 } from 'openapi-typescript';
import { freePortBase } from '#testing';
import { readCredentials } from '../system/secrets.js';
import { portClaims, services } from '../system/services.js';
import { removePostgresData } from './postgres-home.js';
import { startSystem, type RunningSystem } from './system.js';
import { projectRoot } from '../project.js';

const run = promisify(execFile);
const names = services.map(({ name }) => name);

let stateDir: string;
let system: RunningSystem;
const documents: Record<string, OpenAPI3> = {};

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'test-openapi-'));
  const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  system = await startSystem({ stateDir, portBase, durable: false });
  for (const name of names) {
    documents[name] = (await (await fetch(`${system.urls[name]}/docs/json`)).json()) as OpenAPI3;
  }
}, 120_000);

afterAll(async () => {
  await system.stop();
  removePostgresData(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
}, 60_000);

describe.each(names)('the OpenAPI document of %s', (name) => {
  it('is valid by the schema of the OpenAPI Initiative', async () => {
    const validator = new Validator();
    expect(await validator.validate({ ...documents[name] })).toEqual({ valid: true });
  });

  it('passes the rules of Redocly', async () => {
    const config = await createConfig({
      rules: {
        struct: 'error',
        'operation-operationId-unique': 'error',
        'path-params-defined': 'error',
        'security-defined': 'error',
        'no-unresolved-refs': 'error',
        'no-invalid-media-type-examples': 'error',
      },
    });
    const faults = await lintFromString({ source: JSON.stringify(documents[name]), config });
    expect(faults.map(({ message, location }) => `${location[0]?.pointer}: ${message}`)).toEqual([]);
  });
});

describe('a client that is generated from the documents', () => {
  it('compiles, works, and does not compile with a request that the documents forbid', async () => {
    const folder = join(stateDir, 'client');
    mkdirSync(folder);
    for (const name of names) {
      writeFileSync(join(folder, `${name}.d.ts`), astToString(await openapiTypescript(documents[name]!)));
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'client.ts'), program);
    const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc');
    const strict = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck', 'false'];
    const found = ['--typeRoots', join(projectRoot, 'node_modules/@types'), '--types', 'node'];
    // The client needs the packages of this repository.
    await run('ln', ['-s', join(projectRoot, 'node_modules'), join(folder, 'node_modules')]);
    await run(process.execPath, [tsc, ...strict, ...found, 'client.ts'], { cwd: folder }).catch(
      ({ stdout }: { stdout: string }) => {
        throw new Error(stdout);
      },
    );
    const { admin, demo } = readCredentials(stateDir);
    const { stdout } = await run(process.execPath, ['client.js'], {
      cwd: folder,
      env: { URLS: JSON.stringify(system.urls), ADMIN: JSON.stringify(admin), DEMO: JSON.stringify(demo) },
    });
    expect(JSON.parse(stdout)).toEqual({
      order: { status: 'placed', quantity: 2 },
      orders: 1,
      refused: 'invalid_request',
      active: 1,
      freshness: 'confirmed',
      me: demo.email,
    });
  }, 90_000);
});

/** A program that a user of the services could write. */
const program = `
import createClient from 'openapi-fetch';
import type { paths as Auth } from './auth.js';
import type { paths as Inventory } from './inventory.js';
import type { paths as Orders } from './orders.js';

const urls = JSON.parse(process.env['URLS']!) as Record<'auth' | 'orders' | 'inventory', string>;
const auth = createClient<Auth>({ baseUrl: urls.auth });
const orders = createClient<Orders>({ baseUrl: urls.orders });
const inventory = createClient<Inventory>({ baseUrl: urls.inventory });

const login = async (variable: string) => {
  const { data } = await auth.POST('/auth/login', { body: JSON.parse(process.env[variable]!) });
  return { authorization: 'Bearer ' + data!.access_token };
};
const headers = await login('DEMO');
const products = (await inventory.GET('/products', { params: { query: { limit: 5 } } })).data!;
const lines = [{ sku: products.items[0]!.sku, quantity: 2 }];
const placed = (await orders.POST('/orders', { headers, body: { lines } })).data!;
const list = (await orders.GET('/orders', { headers })).data!;
const { error } = await orders.POST('/orders', {
  headers,
  // @ts-expect-error a quantity is a number
  body: { lines: [{ sku: 'WAX-RED', quantity: 'two' }] },
});
const keys = (await auth.GET('/admin/keys', { headers: await login('ADMIN') })).data!;
const trust = (await orders.GET('/trust')).data!;
const me = (await auth.GET('/auth/me', { headers })).data!;

console.log(
  JSON.stringify({
    order: { status: placed.status, quantity: placed.lines[0]!.quantity },
    orders: list.items.length,
    refused: error!.code,
    active: keys.keys.filter(({ status }) => status === 'active').length,
    freshness: trust.freshness,
    me: me.email,
  }),
);
`;
