import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromSeed } from '@nats-io/nkeys';
import { makeSecrets, makeSuccessor, publicNkeys, readCredentials } from './secrets.js';
import { specServices as services } from './spec-services.js';

/** Every service but the issuer is a client of it. */
const clients = services.map(({ name }) => name).filter((name) => name !== 'auth');

describe('the secrets of an installation', () => {
  let dir: string;
  const read = (file: string) => readFileSync(join(dir, file), 'utf8');
  const all = () =>
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((path) => statSync(join(dir, path)).isFile())
      .sort();

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'test-secrets-'));
    makeSecrets(dir, services);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('each service has its own, and only auth has the anchor and the key-encryption key', () => {
    expect(all()).toEqual(
      [
        'credentials.json',
        'public/trust-anchor.pem',
        ...services.flatMap(({ name }) => [
          `public/${name}.nkey`,
          `secrets/${name}/database-password`,
          `secrets/${name}/nats.nk`,
          `secrets/${name}-owner/database-password`,
        ]),
        ...clients.flatMap((name) => [
          `public/${name}.client.json`,
          `secrets/${name}/client-key.private.pem`,
        ]),
        'secrets/auth/key-encryption-key',
        'secrets/auth/trust-anchor.private.pem',
        'secrets/postgres/superuser-password',
      ].sort(),
    );
    const contents = all().map(read);
    expect(new Set(contents).size).toBe(contents.length);
  });

  it('an exchanged key gets a successor, and the files that exist stay', () => {
    const before = all().map((file) => [file, read(file)]);
    const made = [
      makeSuccessor(dir, services, 'trust-anchor'),
      makeSuccessor(dir, services, 'trust-anchor'),
      makeSuccessor(dir, services, 'key-encryption-key'),
    ];
    const auth = join(dir, 'secrets/auth');
    expect(made).toEqual([
      ...[2, 3].map((n) => ({
        privateFile: join(auth, `trust-anchor.${n}.private.pem`),
        publicFile: join(dir, `public/trust-anchor.${n}.pem`),
      })),
      { privateFile: join(auth, 'key-encryption-key.2') },
    ]);
    const anchor = createPublicKey(read('secrets/auth/trust-anchor.3.private.pem'));
    expect(anchor.export({ type: 'spki', format: 'pem' })).toBe(read('public/trust-anchor.3.pem'));
    expect(Buffer.from(read('secrets/auth/key-encryption-key.2'), 'base64')).toHaveLength(32);
    rmSync(join(auth, 'trust-anchor.3.private.pem'));
    expect(makeSuccessor(dir, services, 'trust-anchor').publicFile).toBe(
      join(dir, 'public/trust-anchor.4.pem'),
    );
    expect(before.map(([file]) => [file, read(file!)])).toEqual(before);
    expect(new Set(all().map(read)).size).toBe(all().length);
  });

  it('only the user who made them can read them', () => {
    for (const file of all()) expect([file, statSync(join(dir, file)).mode & 0o777]).toEqual([file, 0o600]);
    for (const folder of ['.', 'secrets', 'public', 'secrets/auth']) {
      expect([folder, statSync(join(dir, folder)).mode & 0o777]).toEqual([folder, 0o700]);
    }
  });

  it('have the formats that the services expect', () => {
    const anchor = createPrivateKey(read('secrets/auth/trust-anchor.private.pem'));
    expect(anchor.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(read('public/trust-anchor.pem')).toBe(
      createPublicKey(anchor).export({ type: 'spki', format: 'pem' }),
    );
    expect(Buffer.from(read('secrets/auth/key-encryption-key'), 'base64')).toHaveLength(32);
    const seed = new TextEncoder().encode(read('secrets/orders/nats.nk'));
    expect(publicNkeys(dir, services)['orders']).toBe(fromSeed(seed).getPublicKey());
    const { admin, demo } = readCredentials(dir);
    expect([admin.email, demo.email]).toEqual(['admin@example.com', 'demo@example.com']);
    for (const { password } of [admin, demo]) expect(password.length).toBeGreaterThanOrEqual(20);
  });

  it('each client has a key pair, and its public half is what auth must know about it', () => {
    for (const name of clients) {
      const key = createPrivateKey(read(`secrets/${name}/client-key.private.pem`));
      expect(key.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
      const jwk = createPublicKey(key).export({ format: 'jwk' });
      expect(JSON.parse(read(`public/${name}.client.json`))).toEqual({
        client_id: name,
        jwks: { keys: [{ ...jwk, alg: 'ES256', use: 'sig' }] },
      });
      expect(jwk).not.toHaveProperty('d');
    }
  });

  it('are never overwritten, and a missing one is made', () => {
    const before = Object.fromEntries(all().map((file) => [file, read(file)]));
    rmSync(join(dir, 'public/trust-anchor.pem'));
    rmSync(join(dir, 'public/orders.client.json'));
    rmSync(join(dir, 'secrets/orders/database-password'));
    makeSecrets(dir, services);
    const after = Object.fromEntries(all().map((file) => [file, read(file)]));
    expect(Object.keys(after)).toEqual(Object.keys(before));
    expect(Object.keys(after).filter((file) => after[file] !== before[file])).toEqual([
      'secrets/orders/database-password',
    ]);
  });

  it.each([
    'secrets/auth/trust-anchor.private.pem',
    'secrets/orders/client-key.private.pem',
    'secrets/orders/nats.nk',
    'credentials.json',
  ])('an empty %s is an error, and no new secret is made', (file) => {
    writeFileSync(join(dir, file), '');
    expect(() => makeSecrets(dir, services)).toThrow(expect.objectContaining({ code: 'state_damaged' }));
  });
});
