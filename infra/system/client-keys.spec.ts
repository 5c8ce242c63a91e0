import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPublicKey } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  clientsOf,
  isClientKeyPlaced,
  placeClientKey,
  prepareClientKey,
  settleClientKey,
} from './client-keys.js';
import { makeSecrets, secretPaths } from './secrets.js';
import { specServices as services } from './spec-services.js';

const service = 'orders';

describe('the files of a client key', () => {
  let dir: string;
  const present = () => readFileSync(secretPaths.clientKey(dir, service), 'utf8');
  const nextFile = () => secretPaths.nextClientKey(dir, service);
  const next = () => readFileSync(nextFile(), 'utf8');
  const xOf = (pem: string) => createPublicKey(pem).export({ format: 'jwk' }).x;
  const named = () => {
    const { client_id, jwks } = JSON.parse(readFileSync(secretPaths.client(dir, service), 'utf8')) as {
      client_id: string;
      jwks: { keys: { x: string; d?: string }[] };
    };
    expect(client_id).toBe(service);
    for (const key of jwks.keys) expect(key).not.toHaveProperty('d');
    return jwks.keys.map(({ x }) => x);
  };
  const prepare = (afresh = false) => prepareClientKey(dir, service, { afresh });

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'test-client-keys-'));
    makeSecrets(dir, services);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('belong to each service but auth', () => {
    const names = services.map(({ name }) => name);
    expect(clientsOf(services)).toEqual(names.filter((name) => name !== 'auth'));
  });

  it('change in three steps: at each, auth can learn which keys there are', () => {
    const old = present();
    expect([named(), isClientKeyPlaced(dir, service)]).toEqual([[xOf(old)], false]);

    prepare();
    const made = next();
    expect(present()).toBe(old);
    expect([named(), isClientKeyPlaced(dir, service)]).toEqual([[xOf(made), xOf(old)], false]);

    placeClientKey(dir, service);
    expect([present(), existsSync(nextFile())]).toEqual([made, false]);
    expect([named(), isClientKeyPlaced(dir, service)]).toEqual([[xOf(made), xOf(old)], true]);

    settleClientKey(dir, service);
    expect([named(), isClientKeyPlaced(dir, service)]).toEqual([[xOf(made)], false]);
    expect(xOf(made)).not.toBe(xOf(old));
  });

  it('are the same if a step is repeated', () => {
    prepare();
    const made = next();
    prepare();
    expect(next()).toBe(made);
    placeClientKey(dir, service);
    placeClientKey(dir, service);
    settleClientKey(dir, service);
    settleClientKey(dir, service);
    expect([present(), named()]).toEqual([made, [xOf(made)]]);
  });

  it('go on from a crash between the private file and the public one', () => {
    const before = named();
    prepare();
    const made = next();
    // As if the second file had not been written.
    settleClientKey(dir, service);
    expect([named(), isClientKeyPlaced(dir, service)]).toEqual([before, false]);
    prepare();
    expect([next(), named()]).toEqual([made, [xOf(made), ...before]]);
  });

  it('do not keep a next key that a thief may have', () => {
    prepare();
    const made = next();
    prepare(true);
    expect(next()).not.toBe(made);
    expect(named()).toEqual([xOf(next()), xOf(present())]);
  });

  it('can be read by their user alone', () => {
    prepare();
    for (const file of [nextFile(), secretPaths.client(dir, service)])
      expect(statSync(file).mode & 0o777).toBe(0o600);
    placeClientKey(dir, service);
    expect(statSync(secretPaths.clientKey(dir, service)).mode & 0o777).toBe(0o600);
  });
});
