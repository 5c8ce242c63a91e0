import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readAnchor, verifyKeySetStatement } from '#statements';
import { eventually, type Answer } from '#testing';
import { KeyCustodianService } from '../src/rotation/key-custodian.service.js';
import { KeySetService } from '../src/key-set/key-set.service.js';
import { startAuth, type AuthFixture, type AuthReplica } from './auth-fixture.js';

let auth: AuthFixture;
beforeAll(async () => {
  auth = await startAuth({ settings: { jwksMaxAgeSeconds: 42 } });
});
afterAll(() => auth?.close());

describe('/.well-known/jwks.json', () => {
  const jwks = (headers = {}): Promise<Answer> => auth.send('GET', '/.well-known/jwks.json', { headers });

  it('has every published key, and of each the public members alone', async () => {
    const answer = await jwks();
    expect(answer.headers.get('content-type')).toMatch(/^application\/jwk-set\+json/);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=42');
    expect(Object.keys(answer.body)).toEqual(['keys']);
    const rows = await auth.owner.query<{ kid: string }[]>('SELECT kid FROM signing_key ORDER BY kid');
    expect(rows).toHaveLength(2);
    expect(answer.body.keys.map(({ kid }: { kid: string }) => kid).sort()).toEqual(
      rows.map(({ kid }) => kid),
    );
    for (const key of answer.body.keys) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    }
  });

  it('answers 304 to who has it already, and the whole to who has another', async () => {
    const etag = (await jwks()).headers.get('etag')!;
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await jwks({ 'if-none-match': tags });
      expect([answer.status, answer.text, answer.headers.get('etag')]).toEqual([304, '', etag]);
      expect(answer.headers.get('cache-control')).toBe('public, max-age=42');
    }
    for (const tags of ['"other"', etag.slice(1, -1), '', `"${'x'.repeat(2000)}"`]) {
      expect((await jwks({ 'if-none-match': tags })).status).toBe(200);
    }
  });

  it('keeps its entity tag while only statements change', async () => {
    const [before, epoch] = [(await jwks()).headers.get('etag'), await epochNow()];
    await auth.owner.query(`UPDATE key_set SET issued_at = issued_at - interval '1 minute'`);
    await eventually(async () => (await epochNow()) > epoch);
    expect((await jwks()).headers.get('etag')).toBe(before);
  });
});

describe('/.well-known/keyset', () => {
  it('is a statement that the anchor has signed, never to be stored', async () => {
    const answer = await auth.send('GET', '/.well-known/keyset');
    expect(answer.headers.get('content-type')).toBe('application/jwk-set+jwt');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { issuer, trustAnchorPublic } = auth.settings;
    const statement = verifyKeySetStatement(answer.text, {
      issuer,
      anchors: trustAnchorPublic.map(readAnchor),
      now: Date.now() / 1000,
    });
    expect(statement).toMatchObject({ sub: issuer, exp: statement.iat + 900, revoked: [] });
    expect(statement.keys.map(({ status }) => status).sort()).toEqual(['active', 'prepared']);
    expect(statement.epoch).toBeGreaterThanOrEqual(1);
  });
});

describe('a replica that learns nothing by itself', () => {
  let other: AuthReplica;
  beforeAll(async () => {
    other = await auth.replica();
    // NATS is away, and no round of its own comes any more.
    await other.app.get(KeyCustodianService, { strict: false }).onModuleDestroy();
  });

  it('never answers with less than the database holds', async () => {
    const keySet = auth.app.get(KeySetService, { strict: false });
    for (let i = 0; i < 10; i += 1) {
      const { statement } = await keySet.change((keys) => ({ keys, answer: undefined }));
      const { text, headers } = await other.send('GET', '/.well-known/keyset');
      expect(epochOf(text)).toBeGreaterThanOrEqual(statement!.epoch);
      expect(headers.get('age')).toBeNull();
    }
  });

  it('knows the keys of fresh tokens on its own routes, and to third parties', async () => {
    const admin = await auth.login('admin');
    const manage = (path: string, body?: object) =>
      auth.send('POST', `/admin${path}`, { token: admin, ...(body && { body }) });
    // With NATS away nobody is counted, and a rotation has to be told to go on.
    for (const alg of ['ES384', 'ES512', 'ES256']) {
      const rotated = manage('/keys/rotate', { alg });
      await eventually(async () => (await manage('/rotations/current/proceed')).status === 200);
      const { kid } = (await rotated).body;
      const token = await auth.login();
      expect(await other.send('GET', '/auth/me', { token })).toMatchObject({ status: 200 });
      const { body } = await other.send('GET', '/.well-known/jwks.json');
      expect(body.keys.map((key: { kid: string }) => key.kid)).toContain(kid);
    }
  }, 30_000);
});

describe('the metadata (RFC 8414)', () => {
  it('is the same, byte for byte, at both addresses', async () => {
    const [oauth, oidc] = await Promise.all([
      auth.send('GET', '/.well-known/oauth-authorization-server'),
      auth.send('GET', '/.well-known/openid-configuration'),
    ]);
    expect(oauth.status).toBe(200);
    expect(oidc.text).toBe(oauth.text);
    expect(oidc.headers.get('content-type')).toBe(oauth.headers.get('content-type'));
    const { issuer } = auth.settings;
    expect(oauth.body).toMatchObject({
      issuer,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      signed_jwks_uri: `${issuer}/.well-known/keyset`,
      response_types_supported: [],
      scopes_supported: expect.arrayContaining(['orders:read', 'keys:manage', 'inventory:reserve']),
      token_endpoint: `${issuer}/oauth/token`,
      introspection_endpoint: `${issuer}/oauth/introspect`,
      revocation_endpoint: `${issuer}/oauth/revoke`,
      grant_types_supported: ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    });
    for (const endpoint of ['token', 'introspection', 'revocation'])
      expect(oauth.body).toMatchObject({
        [`${endpoint}_endpoint_auth_methods_supported`]: ['private_key_jwt'],
        [`${endpoint}_endpoint_auth_signing_alg_values_supported`]: [
          'ES256',
          'ES384',
          'ES512',
          'RS256',
          'PS256',
        ],
      });
    expect(new Set(oauth.body.scopes_supported).size).toBe(oauth.body.scopes_supported.length);
  });
});

async function epochNow(): Promise<number> {
  return epochOf((await auth.send('GET', '/.well-known/keyset')).text);
}

const epochOf = (jws: string): number =>
  JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString()).epoch;
