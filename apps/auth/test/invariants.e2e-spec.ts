/**
 * Somebody who can write auth's tables, as the service's own role and as the owner of the tables: what the database
 * refuses by itself, and what auth does not believe of what it lets through.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import pg from 'pg';
import { createTestKey, eventually, signCompact } from '#testing';
import { startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;
let clients: Record<'runtime' | 'owner', pg.Client>;
let admin: string;

const roles = ['runtime', 'owner'] as const;
const get = (path: string) => auth.send('GET', path);
const ask = (method: string, path: string, body?: unknown) =>
  auth.send(method, `/admin${path}`, { token: admin, ...(body !== undefined && { body }) });
const kidOf = async (status: string): Promise<string> => {
  const { rows } = await clients.owner.query('SELECT kid FROM signing_key WHERE status = $1', [status]);
  return rows[0]?.kid;
};
const payloadOf = (jws: string) => JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString());
const statement = async () => payloadOf((await get('/.well-known/keyset')).text);
const publishedKids = async (): Promise<string[]> =>
  (await get('/.well-known/jwks.json')).body.keys.map(({ kid }: { kid: string }) => kid);
/** Waits for the next statement: what was written before it is in it, or is not believed. */
const nextStatement = async () => {
  const { epoch } = await statement();
  await eventually(async () => (await statement()).epoch > epoch);
};

beforeAll(async () => {
  auth = await startAuth({ settings: { statementIntervalSeconds: 1, accessTokenSeconds: 60 } });
  clients = { runtime: new pg.Client(auth.logins.runtime), owner: new pg.Client(auth.logins.owner) };
  await Promise.all(roles.map((role) => clients[role].connect()));
  admin = await auth.login('admin');
  // One key of every state, all by the rules; the retiring one verifies for another minute.
  for (let i = 0; i < 2; i += 1) {
    await eventually(async () => (await kidOf('prepared')) !== undefined);
    void ask('POST', '/keys/rotate', {}).catch(() => undefined);
    await eventually(async () => (await ask('POST', '/rotations/current/proceed')).status === 200);
  }
  await ask('POST', `/keys/${await kidOf('retiring')}/revoke`, { reason: 'unspecified' });
  await eventually(async () => (await kidOf('prepared')) !== undefined);
  // The first token may have been of the key that is revoked now.
  admin = await auth.login('admin');
});
afterAll(async () => {
  await Promise.all(roles.map((role) => clients?.[role].end()));
  await auth?.close();
});

describe.each(roles)('as %s, the database refuses', (role) => {
  it.each([
    [
      'two active keys',
      `UPDATE signing_key SET status = 'active', activated_at = now() WHERE status = 'prepared'`,
    ],
    ['a step back to prepared', `UPDATE signing_key SET status = 'prepared' WHERE status = 'active'`],
    [
      'an active key that retires in one step',
      `UPDATE signing_key SET status = 'retired', retired_at = now() WHERE status = 'active'`,
    ],
    [
      'a standby that retires',
      `UPDATE signing_key SET status = 'retiring', verify_until = now() WHERE status = 'prepared'`,
    ],
    ['a retiring key that signs again', `UPDATE signing_key SET status = 'active' WHERE status = 'retiring'`],
    [
      'an early end of a retiring key',
      `UPDATE signing_key SET status = 'retired', retired_at = now() WHERE status = 'retiring'`,
    ],
    [
      'an earlier end of a retiring key',
      `UPDATE signing_key SET verify_until = now() WHERE status = 'retiring'`,
    ],
    [
      'a later end of a retiring key',
      `UPDATE signing_key SET verify_until = 'infinity' WHERE status = 'retiring'`,
    ],
    [
      'a retiring key without an end',
      `UPDATE signing_key SET status = 'retiring', verify_until = NULL WHERE status = 'active'`,
    ],
    ['an end set for a standby', `UPDATE signing_key SET verify_until = now() WHERE status = 'prepared'`],
    ['an end set for the active key', `UPDATE signing_key SET verify_until = now() WHERE status = 'active'`],
    [
      'a revoked key that is prepared',
      `UPDATE signing_key SET status = 'prepared', revoked_at = NULL WHERE status = 'revoked'`,
    ],
    [
      'a revoked key that verifies',
      `UPDATE signing_key SET status = 'retiring', revoked_at = NULL, verify_until = 'infinity' WHERE status = 'revoked'`,
    ],
    [
      'a revoked key that retired instead',
      `UPDATE signing_key SET status = 'retired', revoked_at = NULL, retired_at = now() WHERE status = 'revoked'`,
    ],
    [
      'a revocation at another time',
      `UPDATE signing_key SET revoked_at = now() - interval '1 day' WHERE status = 'revoked'`,
    ],
    [
      'a revocation for another reason',
      `UPDATE signing_key SET revocation_reason = 'superseded' WHERE status = 'revoked'`,
    ],
    [
      'other words about a revocation',
      `UPDATE signing_key SET revocation_note = 'none' WHERE status = 'revoked'`,
    ],
    ['a revocation without a time', `UPDATE signing_key SET status = 'revoked' WHERE status = 'prepared'`],
    [
      'another public key',
      `UPDATE signing_key SET public_jwk = public_jwk || '{"x": "AA"}' WHERE status = 'active'`,
    ],
    ['another algorithm', `UPDATE signing_key SET alg = 'RS256' WHERE status = 'prepared'`],
    ['another kid', `UPDATE signing_key SET kid = 'another' WHERE status = 'prepared'`],
    [
      'another age',
      `UPDATE signing_key SET prepared_at = now() - interval '1 day' WHERE status = 'prepared'`,
    ],
    [
      'the same key twice',
      `INSERT INTO signing_key (kid, alg, status, public_jwk, seal, prepared_at) SELECT kid, 'RS256', 'prepared', public_jwk, seal, now() FROM signing_key`,
    ],
    [
      'a key that begins as active',
      `INSERT INTO signing_key (kid, alg, status, public_jwk, seal, prepared_at, activated_at) VALUES ('x', 'ES256', 'active', '{}', '', now(), now())`,
    ],
    [
      'a key that begins as retiring',
      `INSERT INTO signing_key (kid, alg, status, public_jwk, seal, prepared_at, verify_until) VALUES ('x', 'ES256', 'retiring', '{}', '', now(), 'infinity')`,
    ],
    ['an epoch that goes back', 'UPDATE key_set SET epoch = epoch - 1'],
    ['a second statement of an epoch', `UPDATE key_set SET statement = 'another'`],
    ['an epoch without its statement', 'UPDATE key_set SET statement = NULL'],
    ['history that is deleted', `DELETE FROM signing_key WHERE status IN ('revoked', 'retired')`],
    ['history that is emptied', 'TRUNCATE signing_key CASCADE'],
    ['a counter that is deleted', 'DELETE FROM key_set'],
    ['a counter that is emptied', 'TRUNCATE key_set'],
    [
      'two open rotations',
      `INSERT INTO rotation (kid, cause, requested_at) SELECT kid, 'requested', now() FROM signing_key, generate_series(1, 2) WHERE status = 'prepared'`,
    ],
    [
      'a rotation to no key',
      `INSERT INTO rotation (kid, cause, requested_at) VALUES ('nobody', 'requested', now())`,
    ],
  ])('%s', async (_what, sql) => {
    // 42501: not allowed to this role at all; 23xxx: against a rule that holds for every role.
    const code = role === 'owner' ? /^23/ : /^23|^42501$/;
    await expect(clients[role].query(sql)).rejects.toMatchObject({ code: expect.stringMatching(code) });
  });
});

describe('auth does not believe', () => {
  const insert = (kid: string, publicJwk: object, seal: string, preparedAt = '2020-01-01') =>
    clients.runtime.query(
      `INSERT INTO signing_key (kid, alg, status, public_jwk, seal, prepared_at) VALUES ($1, 'ES256', 'prepared', $2, $3, $4)`,
      [kid, JSON.stringify(publicJwk), seal, preparedAt],
    );

  it('a statement that was written into the table: neither the signed key set nor the plain one changes', async () => {
    const { kid, publicJwk } = createTestKey();
    const forged = [
      { typ: 'jwk-set+jwt', alg: 'ES256', kid: 'anchor' },
      { ...(await statement()), epoch: 1e6, keys: [{ ...publicJwk, status: 'active' }] },
    ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    // Fresh for long, so that no re-issue comes in between.
    await clients.runtime.query(
      `UPDATE key_set SET epoch = epoch + 1, statement = $1, issued_at = clock_timestamp() + interval '0.9 s'`,
      [`${forged.join('.')}.AAAA`],
    );
    await eventually(() => auth.logged().includes('in the database is not signed by a trust anchor'));
    expect(await publishedKids()).not.toContain(kid);
    await nextStatement();
    expect(await publishedKids()).not.toContain(kid);
    expect((await ask('GET', '/keys')).status).toBe(200);
  });

  it('a standby whose seal is not for it, and makes another: rotation never goes there', async () => {
    const { kid, publicJwk } = createTestKey();
    const { rows } = await clients.runtime.query(`SELECT seal FROM signing_key WHERE status = 'prepared'`);
    await insert(kid, publicJwk, rows[0].seal);
    // The oldest, and overdue: whoever believes the table goes there first.
    await clients.runtime.query(
      `INSERT INTO rotation (kid, cause, requested_at) VALUES ($1, 'emergency', '2020-01-01')`,
      [kid],
    );
    await nextStatement();
    await eventually(async () => (await ask('GET', '/keys')).body.rotation === null);
    const active = await kidOf('active');
    void ask('POST', '/keys/rotate', {});
    await eventually(async () => (await ask('POST', '/rotations/current/proceed')).status === 200);
    expect(await kidOf('active')).not.toBe(active);
    expect(await kidOf('active')).not.toBe(kid);
    await nextStatement();
    expect(await publishedKids()).not.toContain(kid);
    expect((await statement()).keys.map((key: { kid: string }) => key.kid)).not.toContain(kid);
    expect((await get('/health/ready')).status).toBe(200);
  });

  it('a key of somebody else that was made the active one: it signs nothing, gets no seal, and can be revoked', async () => {
    const theirs = createTestKey();
    await insert(theirs.kid, theirs.publicJwk, 'none');
    const old = await kidOf('active');
    const token = await auth.login();
    await clients.runtime.query('BEGIN');
    await clients.runtime.query(
      `UPDATE signing_key SET status = 'retiring', verify_until = now() + interval '1 hour' WHERE status = 'active'`,
    );
    await clients.runtime.query(
      `UPDATE signing_key SET status = 'active', activated_at = now() WHERE kid = $1`,
      [theirs.kid],
    );
    await clients.runtime.query('COMMIT');

    const { email, password } = await auth.account();
    const login = await auth.send('POST', '/auth/login', { body: { email, password } });
    expect(login).toMatchObject({ status: 503, body: { code: 'no_signing_key' } });
    await eventually(() => auth.logged().includes(`the active key ${theirs.kid} does not open`));
    expect(await publishedKids()).not.toContain(theirs.kid);
    // What was published last still holds, so that good tokens are good.
    expect(await publishedKids()).toContain(old);
    expect((await auth.send('GET', '/auth/me', { token })).status).toBe(200);

    // Neither rotating away from it nor revoking it brings it into a statement.
    expect((await ask('POST', `/keys/${theirs.kid}/revoke`, { reason: 'compromised' })).status).toBe(200);
    expect(await publishedKids()).not.toContain(theirs.kid);
    expect(await publishedKids()).toContain(await kidOf('active'));
    admin = await auth.login('admin');
  });

  it('a key of somebody else that is rotated away from: it does not verify while it retires', async () => {
    const theirs = createTestKey();
    await insert(theirs.kid, theirs.publicJwk, 'none');
    await eventually(async () => (await ask('GET', '/keys')).body.rotation === null);
    await clients.runtime.query('BEGIN');
    await clients.runtime.query(
      `UPDATE signing_key SET status = 'retiring', verify_until = now() + interval '1 hour' WHERE status = 'active'`,
    );
    await clients.runtime.query(
      `UPDATE signing_key SET status = 'active', activated_at = now() WHERE kid = $1`,
      [theirs.kid],
    );
    await clients.runtime.query('COMMIT');
    void ask('POST', '/keys/rotate', {});
    await eventually(async () => (await ask('POST', '/rotations/current/proceed')).status === 200);
    await nextStatement();
    const { rows } = await clients.runtime.query('SELECT status FROM signing_key WHERE kid = $1', [
      theirs.kid,
    ]);
    expect(rows).toEqual([{ status: 'retiring' }]);
    expect(await publishedKids()).not.toContain(theirs.kid);
    expect((await statement()).keys.map((key: { kid: string }) => key.kid)).not.toContain(theirs.kid);
    const now = Math.floor(Date.now() / 1000);
    const claims = payloadOf(admin);
    const token = signCompact(
      { alg: 'ES256', typ: 'at+jwt', kid: theirs.kid },
      { ...claims, iat: now, exp: now + 60 },
      theirs,
    );
    expect((await auth.send('GET', '/admin/keys', { token })).status).toBe(401);
  });
});

it('a replica with another key-encryption key signs nothing, states nothing, and harms no other', async () => {
  const keyEncryptionKey = [
    generateKeyPairSync('ed25519')
      .publicKey.export({ format: 'der', type: 'spki' })
      .subarray(-32)
      .toString('base64'),
  ];
  const before = await publishedKids();
  const stranger = await auth.replica({ keyEncryptionKey });
  const { email, password } = await auth.account();
  const body = { email, password };
  expect(await stranger.send('POST', '/auth/login', { body })).toMatchObject({
    status: 503,
    body: { code: 'no_signing_key' },
  });
  await nextStatement();
  await nextStatement();
  expect(await publishedKids()).toEqual(before);
  expect((await auth.send('POST', '/auth/login', { body })).status).toBe(200);
  await stranger.close();
});
