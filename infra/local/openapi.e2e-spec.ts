/** The OpenAPI documents of the running services are valid, and a client can be generated from them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { OpenAPI3 } from 'openapi-typescript';
import { freePortBase } from '#testing';
import { readCredentials } from '../system/secrets.js';
import { guardedServices, portClaims, services } from '../system/services.js';
import { documentsOf, runGeneratedClient } from './generated-client.js';
import { removePostgresData } from './postgres-home.js';
import { startSystem, type RunningSystem } from './system.js';

const names = services.map(({ name }) => name);

let stateDir: string;
let system: RunningSystem;
let documents: Record<string, OpenAPI3>;

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'test-openapi-'));
  const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  system = await startSystem({ stateDir, portBase, durable: false });
  documents = await documentsOf(system.urls);
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
    const { admin, demo } = readCredentials(stateDir);
    const found = await runGeneratedClient({
      folder: join(stateDir, 'client'),
      urls: system.urls,
      documents,
      program,
      env: { ADMIN: JSON.stringify(admin), DEMO: JSON.stringify(demo) },
    });
    expect(found).toEqual({ refused: 'invalid_request', active: 1, freshness: 'confirmed', me: demo.email });
  }, 90_000);
});

const { name: verifier } = guardedServices[0]!;

/** A program that a user of the services could write. */
const program = `
import createClient from 'openapi-fetch';
import type { paths as Auth } from './auth.js';
import type { paths as Verifier } from './${verifier}.js';

const urls = JSON.parse(process.env['URLS']!) as Record<string, string>;
const auth = createClient<Auth>({ baseUrl: urls['auth']! });
const verifier = createClient<Verifier>({ baseUrl: urls['${verifier}']! });

const login = async (variable: string) => {
  const { data } = await auth.POST('/auth/login', { body: JSON.parse(process.env[variable]!) });
  return { authorization: 'Bearer ' + data!.access_token };
};
const headers = await login('DEMO');
const { error } = await auth.POST('/auth/login', {
  // @ts-expect-error a password is text
  body: { email: 'demo@example.com', password: 12 },
});
const keys = (await auth.GET('/admin/keys', { headers: await login('ADMIN') })).data!;
const trust = (await verifier.GET('/trust')).data!;
const me = (await auth.GET('/auth/me', { headers })).data!;

console.log(
  JSON.stringify({
    refused: error!.code,
    active: keys.keys.filter(({ status }) => status === 'active').length,
    freshness: trust.freshness,
    me: me.email,
  }),
);
`;
