/** What the issuer for tests serves, as a verifier of statements and jose see it. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { JWKS_PATH, KEYSET_MEDIA_TYPE, KEYSET_PATH } from '#statements';
import { openTrust } from '#trust';
import { freePort } from '../../../infra/local/ports.js';
import { startTestIssuer, type RunningTestIssuer } from './test-issuer-server.js';

let issuer: RunningTestIssuer;
let trust: Awaited<ReturnType<typeof openTrust>>;
beforeEach(async () => {
  issuer = await startTestIssuer();
  trust = await openTrust({ issuer: issuer.issuer, audience: 'orders', anchors: issuer.anchors });
});
afterEach(async () => {
  await trust.close();
  await issuer.close();
});

const json = async (url: string) => (await fetch(url)).json();
/** Verifies without any cache. */
const withJose = (token: string) =>
  jwtVerify(token, createRemoteJWKSet(new URL(issuer.jwksUrl)), {
    issuer: issuer.issuer,
    audience: 'orders',
  });

it('is its own URL, and serves what verifiers of Signet look for', async () => {
  expect(issuer).toMatchObject({
    keysetUrl: issuer.issuer + KEYSET_PATH,
    jwksUrl: issuer.issuer + JWKS_PATH,
  });
  const { headers } = await fetch(issuer.keysetUrl);
  expect(headers.get('content-type')).toBe(KEYSET_MEDIA_TYPE);
  expect((await fetch(`${issuer.issuer}/other`)).status).toBe(404);
});

it.each(['openid-configuration', 'oauth-authorization-server'])('names its keys in %s', async (document) => {
  expect(await json(`${issuer.issuer}/.well-known/${document}`)).toMatchObject({
    issuer: issuer.issuer,
    jwks_uri: issuer.jwksUrl,
    signed_jwks_uri: issuer.keysetUrl,
  });
});

it('makes tokens that both verifiers accept, and others when it is told so', async () => {
  await expect(trust.verify(issuer.token({ sub: 'me' }))).resolves.toMatchObject({ sub: 'me' });
  await expect(withJose(issuer.token({ sub: 'me' }))).resolves.toMatchObject({ payload: { sub: 'me' } });
  const elsewhere = issuer.token({ aud: 'elsewhere' });
  await expect(trust.verify(elsewhere)).rejects.toMatchObject({ code: 'wrong_audience' });
  await expect(withJose(elsewhere)).rejects.toMatchObject({ claim: 'aud' });
});

it('counts the fetches of each document', async () => {
  const before = { ...issuer.fetches };
  await fetch(issuer.keysetUrl);
  await fetch(issuer.jwksUrl);
  await fetch(issuer.jwksUrl);
  await fetch(issuer.metadataUrl);
  expect(issuer.fetches).toEqual({
    keyset: before.keyset + 1,
    jwks: before.jwks + 2,
    metadata: before.metadata + 1,
  });
});

it('rotates: the new key signs, and the old one stays good', async () => {
  const [old, oldKey] = [issuer.token(), issuer.key];
  expect(issuer.rotate()).toBe(issuer.key);
  expect(issuer.key.kid).not.toBe(oldKey.kid);
  for (const token of [issuer.token(), old]) {
    await expect(trust.verify(token)).resolves.toMatchObject({ sub: 'user-1' });
    await expect(withJose(token)).resolves.toMatchObject({ protectedHeader: { alg: 'ES256' } });
  }
});

describe('a revoked key', () => {
  it('leaves both key sets, and another one signs', async () => {
    const [old, { kid }] = [issuer.token(), issuer.key];
    issuer.revokeKey(kid);
    // The token of the new key makes the verifier fetch.
    await expect(trust.verify(issuer.token())).resolves.toMatchObject({ sub: 'user-1' });
    await expect(trust.verify(old)).rejects.toMatchObject({ code: 'unknown_kid' });
    await expect(withJose(old)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
    expect(trust.facts().revoked).toMatchObject([{ kid, reason: 'compromised' }]);
  });

  it('that retires leaves the key that signs alone', () => {
    const { kid } = issuer.key;
    const next = issuer.rotate();
    issuer.revokeKey(kid);
    expect(issuer.key).toBe(next);
  });

  it('must be a published one', () => {
    expect(() => issuer.revokeKey('nobody')).toThrow('no published key has the kid nobody');
  });
});

it('serves statements with the members that a test asks for', async () => {
  issuer.changeStatements({ keys: [] });
  issuer.rotate();
  await expect(trust.verify(issuer.token())).rejects.toMatchObject({ code: 'unknown_kid' });
  expect(trust.facts().keys).toEqual([]);
});

it('refuses a port that is taken', async () => {
  const port = Number(new URL(issuer.issuer).port);
  await expect(startTestIssuer({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

it('listens on the port that it is given, has the URL that it is given, and signs with another algorithm', async () => {
  const port = await freePort();
  const other = await startTestIssuer({ port, alg: 'RS256', url: 'http://issuer.test:1/' });
  try {
    expect(await json(`http://127.0.0.1:${port}/.well-known/openid-configuration`)).toMatchObject({
      issuer: 'http://issuer.test:1/',
      jwks_uri: 'http://issuer.test:1/.well-known/jwks.json',
    });
    expect(other.rotate().publicJwk).toMatchObject({ alg: 'RS256', kty: 'RSA' });
  } finally {
    await other.close();
  }
});
