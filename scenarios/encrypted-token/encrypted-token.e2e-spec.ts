import { expect } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { createTestKey, signCompact } from '#testing';
import { secretPaths } from '../../infra/system/secrets.js';
import { services } from '../../infra/system/services.js';
import {
  makeTokenKeys,
  tokenDecryptionKeyFile,
  tokenEncryptionKeysFile,
} from '../../infra/system/token-keys.js';
import { decode } from '../../infra/tour/tokens.js';
import { scenario } from '../support/scenario.js';
import { guarded, mainService, type Grant } from '../support/scenario-system.js';
import { timeUntil } from '../support/traffic.js';
import { decryptToken, encryptFor, readSegments } from './holders.js';

scenario(import.meta.url, {}, (system, step) => {
  let before: Grant;
  let sent: string;
  let signed: string;
  let claims: Readonly<Record<string, unknown>>;

  /** The state folder of a service that has another key pair. */
  const elsewhere = join(system.stateDir, 'elsewhere');
  const privateKeyOf = (audience: string) => tokenDecryptionKeyFile(system.stateDir, audience);
  const atMain = (token: string) => system.knock({ audience: mainService, token });

  /** Knocks, and returns the status with the reason that the service counted. */
  async function verdict(grant: Grant): Promise<[number, string | undefined]> {
    const { requests: earlier } = await system.ring(grant.audience);
    const status = await system.knock(grant);
    const { requests } = await system.ring(grant.audience);
    return [status, Object.keys(requests).find((reason) => requests[reason] !== (earlier[reason] ?? 0))];
  }

  step('1. Read a token that is only signed', async () => {
    before = await system.grant();
    const [header, payload] = readSegments(before.token);
    expect(JSON.parse(header!)).toMatchObject({ typ: 'at+jwt' });
    expect(JSON.parse(payload!)).toMatchObject({
      aud: mainService,
      roles: [expect.any(String)],
      sub: expect.any(String),
    });
    expect(await atMain(before.token)).toBe(200);
    // Everybody can read it, and nobody can change it.
    expect(await atMain(withClaims(before.token, { roles: ['admin'] }))).toBe(401);
  });

  step('2. Encrypt the tokens', async () => {
    const settings = makeTokenKeys(system.stateDir, guarded, services);
    for (const [service, own] of Object.entries(settings)) system.configure(service, own);
    for (const service of ['auth', ...guarded]) await system.parts.restart(service);
    expect(await verdict(before)).toEqual([401, 'not_encrypted']);
    const grants = await system.grants();
    for (const grant of grants) expect(await verdict(grant)).toEqual([200, 'accepted']);
    sent = grants[0]!.token;
  });

  step('3. Read an encrypted token without a key', () => {
    const [header, ...rest] = readSegments(sent);
    const { alg, enc, cty, kid, epk, ...others } = JSON.parse(header!) as Record<string, unknown>;
    expect({ alg, enc, cty, others }).toEqual({
      alg: 'ECDH-ES+A256KW',
      enc: 'A256GCM',
      cty: 'JWT',
      others: {},
    });
    expect([kid, epk]).toEqual([expect.any(String), expect.objectContaining({ kty: 'EC', crv: 'P-256' })]);
    expect(rest).toEqual(Array.from({ length: 4 }, () => expect.stringMatching(/^\d+ bytes$/)));
    return Promise.resolve();
  });

  step('4. Read it with the private key of the service', async () => {
    signed = await decryptToken(sent, privateKeyOf(mainService));
    ({ claims } = decode(signed));
    expect(claims).toMatchObject({ aud: mainService, roles: [expect.any(String)] });
    // What was inside is a token as before: the public keys of auth verify it.
    const jwks = createLocalJWKSet((await system.ask('auth', 'GET /.well-known/jwks.json')).body);
    await expect(jwtVerify(signed, jwks, { typ: 'at+jwt', audience: mainService })).resolves.toBeDefined();
    // None of it is to be seen from outside.
    const outside = sent.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'));
    for (const secret of [claims['sub'], claims['sid'], 'customer', mainService])
      expect(outside.join()).not.toContain(secret);
  });

  step('5. Try the key of another service', async () => {
    // This service does not run, so that the step needs no second one.
    for (const folder of [secretPaths.of(elsewhere, mainService), secretPaths.public(elsewhere)])
      mkdirSync(folder, { recursive: true });
    makeTokenKeys(elsewhere, [mainService], services);
    await expect(decryptToken(sent, tokenDecryptionKeyFile(elsewhere, mainService))).rejects.toThrow(
      'decryption operation failed',
    );
    for (const audience of guarded.filter((name) => name !== mainService)) {
      await expect(decryptToken(sent, privateKeyOf(audience))).rejects.toThrow('decryption operation failed');
      expect(await verdict({ audience, token: sent })).toEqual([401, 'undecryptable']);
    }
  });

  step('6. Change it on the way', async () => {
    const segments = sent.split('.');
    for (const [at, segment] of segments.entries()) {
      const changed = segments.with(at, (segment.startsWith('A') ? 'B' : 'A') + segment.slice(1)).join('.');
      const [status, reason] = await verdict({ audience: mainService, token: changed });
      expect([at, status, reason]).toEqual([at, 401, at === 0 ? 'malformed' : 'undecryptable']);
    }
    expect(await atMain(sent)).toBe(200);
  });

  step('7. Send the signed token that was inside', async () => {
    expect(await verdict({ audience: mainService, token: signed })).toEqual([401, 'not_encrypted']);
  });

  step('8. Forge a token and encrypt it', async () => {
    const wrap = (text: string) => encryptFor(mainService, text, tokenEncryptionKeysFile(system.stateDir));
    const forged = signCompact(decode(signed).header, { ...claims, roles: ['admin'] }, createTestKey());
    expect(await decryptToken(wrap(forged), privateKeyOf(mainService))).toBe(forged);
    expect(await verdict({ audience: mainService, token: wrap(forged) })).toEqual([401, 'bad_signature']);
    // Encryption does not say who encrypted. Whoever has a token of auth may encrypt it once more.
    expect(await verdict({ audience: mainService, token: wrap(signed) })).toEqual([200, 'accepted']);
    expect(await verdict({ audience: mainService, token: wrap(sent) })).toEqual([401, 'malformed']);
  });

  step('9. See your account and log out', async () => {
    const body = { ...system.credentials.demo, audience: mainService };
    const { access_token: token, refresh_token } = (await system.ask('auth', 'POST /auth/login', { body }))
      .body;
    expect(await atMain(token)).toBe(200);
    expect((await system.ask('auth', 'GET /auth/me', { token })).status).toBe(401);
    expect((await system.ask('auth', 'POST /auth/logout', { token })).status).toBe(401);

    const refresh = await system.ask('auth', 'POST /auth/refresh', {
      body: { refresh_token, audience: 'auth' },
    });
    const forAuth = { token: refresh.body.access_token as string };
    expect(decode(forAuth.token).claims).toMatchObject({ aud: 'auth', scope: '' });
    expect((await system.ask('auth', 'GET /auth/me', forAuth)).status).toBe(200);
    expect((await system.ask('auth', 'POST /auth/logout', forAuth)).status).toBe(204);
    // The service remembered the encrypted token. The revocation reaches it all the same.
    await timeUntil(401, () => atMain(token));
    expect(await verdict({ audience: mainService, token })).toEqual([401, 'revoked']);
  });
});

/** Another payload under the same signature. */
function withClaims(token: string, changes: Record<string, unknown>): string {
  const [header, , signature] = token.split('.');
  const payload = JSON.stringify({ ...decode(token).claims, ...changes });
  return [header, Buffer.from(payload).toString('base64url'), signature].join('.');
}
