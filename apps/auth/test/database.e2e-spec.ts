import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually } from '#testing';
import { PASSWORD, startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;
beforeAll(async () => {
  auth = await startAuth();
});
afterAll(() => auth?.close());

const loginBody = async () => {
  const { email, password } = await auth.account();
  return { email, password };
};

describe('while the database is away', () => {
  afterEach(async () => {
    auth.database.open();
    await eventually(async () => (await auth.send('GET', '/health/ready')).status === 200);
  });

  it('is alive, not ready, and serves keys; who needs the database gets 503, and it mends itself', async () => {
    const [body, token] = [await loginBody(), await auth.login()];
    const [jwks, keyset] = [await get('/.well-known/jwks.json'), await get('/.well-known/keyset')];
    auth.database.shut();

    expect((await get('/health/live')).status).toBe(200);
    await eventually(async () => (await get('/health/ready')).status === 503);
    expect((await get('/.well-known/jwks.json')).text).toBe(jwks.text);
    expect((await get('/.well-known/keyset')).status).toBe(200);
    expect(keyset.status).toBe(200);
    for (const answer of await Promise.all([
      auth.send('POST', '/auth/login', { body }),
      auth.send('POST', '/auth/register', { body: { email: 'new@example.test', password: PASSWORD } }),
      auth.send('GET', '/auth/me', { token }),
    ])) {
      expect(answer).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }

    auth.database.open();
    await eventually(async () => (await auth.send('POST', '/auth/login', { body })).status === 200);
    expect((await auth.send('GET', '/auth/me', { token })).status).toBe(200);
  });

  it('starts, says 503, and works as soon as the database is there', async () => {
    const body = await loginBody();
    auth.database.shut();
    const late = await auth.replica();
    expect((await late.send('GET', '/health/live')).status).toBe(200);
    for (const answer of [
      await late.send('POST', '/auth/login', { body }),
      await late.send('POST', '/auth/register', { body: { email: 'late@example.test', password: PASSWORD } }),
      await late.send('GET', '/.well-known/keyset'),
      await late.send('GET', '/.well-known/jwks.json'),
    ]) {
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).not.toBeNull();
    }
    auth.database.open();
    await eventually(async () => (await late.send('POST', '/auth/login', { body })).status === 200);
    await eventually(async () => (await late.send('GET', '/health/ready')).status === 200);
  });

  it('does not charge a login that could not be judged', async () => {
    const body = await loginBody();
    auth.database.shut();
    for (let i = 0; i < 12; i += 1) await auth.send('POST', '/auth/login', { body });
    auth.database.open();
    await eventually(async () => (await auth.send('POST', '/auth/login', { body })).status === 200);
  });
});

describe('the database itself', () => {
  let runtime: pg.Client;
  let owner: pg.Client;
  beforeAll(async () => {
    runtime = new pg.Client(auth.logins.runtime);
    owner = new pg.Client(auth.logins.owner);
    await Promise.all([runtime.connect(), owner.connect()]);
  });
  afterAll(() => Promise.all([runtime?.end(), owner?.end()]));

  it.each([
    'DELETE FROM signing_key',
    'TRUNCATE signing_key',
    'DELETE FROM rotation',
    'TRUNCATE rotation',
    'INSERT INTO key_set (id, epoch) VALUES (true, 99)',
    'DELETE FROM key_set',
    'TRUNCATE key_set',
    'INSERT INTO revocation_counter (id, last) VALUES (true, 9)',
    'DELETE FROM revocation_counter',
    'ALTER TABLE signing_key DISABLE TRIGGER ALL',
    'DROP TABLE account',
    'CREATE TABLE mine (id int)',
    'CREATE ROLE mine',
    'SET ROLE postgres',
    'COPY account TO PROGRAM $$cat$$',
    'SELECT pg_read_file($$/etc/passwd$$)',
  ])('does not let the service: %s', async (sql) => {
    await expect(runtime.query(sql)).rejects.toMatchObject({ code: '42501' });
  });

  it.each([
    ['no second row', `INSERT INTO key_set (id, epoch) VALUES (false, 99)`],
    ['no second first row', `INSERT INTO key_set (id, epoch) VALUES (true, 99)`],
    ['no revocation counter that goes back', 'UPDATE revocation_counter SET last = last - 1'],
    ['no epoch that goes back', 'UPDATE key_set SET epoch = epoch - 1'],
    [
      'no second active key',
      `UPDATE signing_key SET status = 'active', activated_at = now() WHERE status = 'prepared'`,
    ],
    [
      'no active key that is prepared again',
      `UPDATE signing_key SET status = 'prepared' WHERE status = 'active'`,
    ],
    ['no other public key', `UPDATE signing_key SET public_jwk = '{}'`],
    ['no other alg', `UPDATE signing_key SET alg = 'RS256'`],
    ['no unknown status', `UPDATE signing_key SET status = 'trusted'`],
    ['no revocation without its time', `UPDATE signing_key SET status = 'revoked'`],
    [
      'no account without a role',
      `INSERT INTO account (email, password_hash, roles, created_at) VALUES ('x@y.test', 'x', '{}', now())`,
    ],
    [
      'no role that is unknown',
      `INSERT INTO account (email, password_hash, roles, created_at) VALUES ('x@y.test', 'x', '{root}', now())`,
    ],
  ])('holds %s, not even by its owner', async (_name, sql) => {
    await expect(owner.query(sql)).rejects.toMatchObject({ code: expect.stringMatching(/^23/) });
  });

  it('holds a revoked key for ever, and never publishes it again', async () => {
    await owner.query('BEGIN');
    try {
      await owner.query(
        `UPDATE signing_key SET status = 'revoked', revoked_at = now() WHERE status = 'prepared'`,
      );
      const revive = `UPDATE signing_key SET status = 'prepared', revoked_at = NULL WHERE status = 'revoked'`;
      await expect(owner.query(revive)).rejects.toMatchObject({ code: '23514' });
    } finally {
      await owner.query('ROLLBACK');
    }
  });

  it('publishes no key that was written into the table without the key-encryption key', async () => {
    const planted = `INSERT INTO signing_key (kid, alg, status, public_jwk, seal, prepared_at)
      SELECT 'planted', alg, 'prepared', jsonb_set(public_jwk, '{kid}', '"planted"'), seal, now()
        FROM signing_key WHERE status = 'active'`;
    await runtime.query(planted);
    await runtime.query(`UPDATE key_set SET issued_at = issued_at - interval '1 minute'`);
    const before = (await get('/.well-known/keyset')).text;
    await eventually(async () => (await get('/.well-known/keyset')).text !== before);
    const after = (await get('/.well-known/keyset')).text;
    expect(Buffer.from(after.split('.')[1]!, 'base64url').toString()).not.toContain('planted');
    expect(auth.logged()).toContain('key planted is not published');
  });
});

function get(path: string) {
  return auth.send('GET', path);
}
