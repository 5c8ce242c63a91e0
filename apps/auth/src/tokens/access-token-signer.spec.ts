import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { JwtService } from '@nestjs/jwt';
import { compactDecrypt, decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import type { EntityManager } from 'typeorm';
import { algorithmNames, type AlgorithmName } from '#jws';
import { createTestRecipient } from '#testing';
import { readEncryptionKey } from '#trust';
import type { AuthSettings } from '../config.js';
import { generateKey } from '../keys/generate-key.js';
import { KeySeal } from '../keys/key-seal.js';
import type { EpochGuard } from '../key-set/epoch-guard.js';
import type { SigningKey } from '../keys/signing-key.entity.js';
import { shareSigning } from '../key-set/signing-lock.js';
import {
  AccessTokenSigner,
  type SignedToken,
  type SigningOptions,
  type TokenClaims,
} from './access-token-signer.js';

const seal = new KeySeal([randomBytes(32).toString('base64')]);
const now = 1_800_000_000;
const time = new Date(now * 1000 + 999);
const claims = { sub: 'u', aud: 'orders', client_id: 'web', scope: 'a b', sid: 's', roles: ['customer'] };

const keyFor = async (alg: AlgorithmName) => (await generateKey(alg, 2048, seal)) as SigningKey;

/** A transaction that finds `key` as the active key. */
function transaction(key: SigningKey | null) {
  const asked: string[] = [];
  const tx = {
    query: async (sql: string) => {
      asked.push(sql);
      return key && sql.includes('FROM signing_key') ? [key] : [];
    },
  };
  return { tx: tx as unknown as EntityManager, asked };
}

function signer(more: Partial<AuthSettings> = {}) {
  const settings = { issuer: 'https://issuer.test', accessTokenSeconds: 300, ...more } as AuthSettings;
  const guard = { refuseOldDatabase: async () => ({ now: time, anchor: null }) } as unknown as EpochGuard;
  return new AccessTokenSigner(new JwtService({}), seal, guard, settings);
}

async function sign(
  subject: AccessTokenSigner,
  tx: EntityManager,
  claims: TokenClaims,
  options?: SigningOptions,
): Promise<SignedToken> {
  return subject.sign(await subject.activeKey(await shareSigning(tx)), claims, options);
}

describe('AccessTokenSigner', () => {
  it.each(algorithmNames)('signs with %s what jose verifies', async (alg) => {
    const key = await keyFor(alg);
    const { token, expiresIn } = await sign(signer(), transaction(key).tx, claims);
    expect(expiresIn).toBe(300);
    expect(decodeProtectedHeader(token)).toEqual({ alg, typ: 'at+jwt', kid: key.kid });
    const { payload } = await jwtVerify(token, await importJWK(key.publicJwk as object, alg), {
      typ: 'at+jwt',
      currentDate: new Date(now * 1000),
    });
    expect(payload).toEqual({
      ...claims,
      iss: 'https://issuer.test',
      iat: now,
      exp: now + 300,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  describe('with an encryption key for orders', () => {
    const recipient = createTestRecipient();
    const encryptFor = new Map([['orders', readEncryptionKey(recipient.publicJwk)]]);

    it('encrypts the signed token for orders, with exactly these header members (RFC 7516, RFC 7519 §5.2)', async () => {
      const key = await keyFor('ES256');
      const { token } = await sign(signer({ encryptFor }), transaction(key).tx, claims);
      const { plaintext, protectedHeader } = await compactDecrypt(token, recipient.privateKey);
      const { epk, ...header } = protectedHeader;
      expect(header).toEqual({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', cty: 'JWT', kid: recipient.kid });
      expect(epk).toEqual({ kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String) });
      const signed = Buffer.from(plaintext).toString();
      expect(decodeProtectedHeader(signed)).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: key.kid });
      const { payload } = await jwtVerify(signed, await importJWK(key.publicJwk as object, 'ES256'), {
        currentDate: new Date(now * 1000),
      });
      expect(payload).toMatchObject(claims);
    });

    it('leaves the tokens of other audiences as they are', async () => {
      const { tx } = transaction(await keyFor('ES256'));
      const { token } = await sign(signer({ encryptFor }), tx, { ...claims, aud: 'inventory' });
      expect(decodeJwt(token)).toMatchObject({ aud: 'inventory' });
    });
  });

  it('names the age of an account by a URI of the issuer', async () => {
    const accountSince = new Date(1_700_000_000_999);
    const { token } = await sign(signer(), transaction(await keyFor('ES256')).tx, {
      ...claims,
      accountSince,
    });
    const { 'https://issuer.test/claims/account_since': since, ...rest } = decodeJwt(token);
    expect(since).toBe(1_700_000_000);
    expect(rest).not.toHaveProperty('accountSince');
  });

  it('gives every token another jti', async () => {
    const [subject, { tx }] = [signer(), transaction(await keyFor('ES256'))];
    const jtis = await Promise.all(
      [1, 2].map(async () => decodeJwt((await sign(subject, tx, claims)).token).jti),
    );
    expect(new Set(jtis).size).toBe(2);
  });

  it.each([
    [now + 10, 10],
    [now + 300, 300],
    [now + 301, 300],
    [now, 0],
    [now - 5, -5],
  ])('ends no token after %d', async (notAfter, life) => {
    const { tx } = transaction(await keyFor('ES256'));
    const { token, expiresIn } = await sign(signer(), tx, claims, { notAfter });
    expect(expiresIn).toBe(life);
    expect(decodeJwt(token)).toMatchObject({ iat: now, exp: now + life });
  });

  it('shares the signing lock, then locks the row of the active key', async () => {
    const { tx, asked } = transaction(await keyFor('ES256'));
    await sign(signer(), tx, claims);
    expect(asked).toEqual([
      expect.stringContaining('pg_advisory_xact_lock_shared'),
      expect.stringMatching(/WHERE status = 'active' FOR SHARE$/),
    ]);
  });

  it('refuses where nothing is active', async () => {
    const refused = sign(signer(), transaction(null).tx, claims);
    await expect(refused).rejects.toMatchObject({ code: 'no_signing_key', retryAfterSeconds: 1 });
  });

  it('signs with the new key from its first token on, and with none whose private half is gone', async () => {
    const [first, second, subject] = [await keyFor('ES256'), await keyFor('ES256'), signer()];
    await sign(subject, transaction(first).tx, claims);
    const { token } = await sign(subject, transaction(second).tx, claims);
    expect(decodeProtectedHeader(token).kid).toBe(second.kid);
    await expect(
      jwtVerify(token, await importJWK(second.publicJwk as object), { currentDate: new Date(now * 1000) }),
    ).resolves.toBeDefined();
    const destroyed = { ...first, seal: seal.seal(first, null) };
    await expect(sign(subject, transaction(destroyed).tx, claims)).rejects.toMatchObject({
      code: 'no_signing_key',
      cause: expect.objectContaining({ message: expect.stringContaining('has no private half') }),
    });
  });

  it('signs with no key whose row was written by another hand', async () => {
    const [ours, theirs] = [await keyFor('ES256'), await keyFor('ES256')];
    const forged = { ...theirs, seal: ours.seal };
    await expect(sign(signer(), transaction(forged).tx, claims)).rejects.toMatchObject({
      code: 'no_signing_key',
      cause: expect.objectContaining({ message: expect.stringContaining('does not open') }),
    });
  });
});
