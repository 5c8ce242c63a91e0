/** ACCESS_TOKEN_SECONDS was lowered: tokens from before live on, and so must all that refuses or admits them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { eventually } from '#testing';
import { MAX_CLOCK_SKEW_SECONDS } from '#trust';
import { startAuth, type AuthFixture, type AuthReplica } from './auth-fixture.js';

const LONG = 600;
/** What auth tolerates. Verifiers have their own setting, of 5 s at most. */
const SKEW = 1;
const STATEMENT = 900;

let auth: AuthFixture;
/** With the new setting; verifiers still accept tokens of the old life. */
let replica: AuthReplica;
/** From before the change. */
let tokens: string[];
/** Of the session of another such token. */
let pair: { access_token: string; refresh_token: string };
let admin: string;

beforeAll(async () => {
  auth = await startAuth({
    settings: {
      accessTokenSeconds: LONG,
      maxTokenSeconds: LONG,
      clockSkewSeconds: SKEW,
      statementSeconds: STATEMENT,
      statementIntervalSeconds: 1,
    },
  });
  tokens = [await auth.login(), await auth.login()];
  admin = await auth.login('admin');
  const { email, password } = await auth.account();
  pair = (await auth.send('POST', '/auth/login', { body: { email, password } })).body;
  await auth.first.close();
  replica = await auth.replica({ accessTokenSeconds: 30, refreshIdleSeconds: 60 });
});
afterAll(() => auth?.close());

const manage = (method: string, path: string, body?: unknown) =>
  replica.send(method, `/admin${path}`, { token: admin, ...(body !== undefined && { body }) });
const secondsOf = (date: Date) => date.getTime() / 1000;

describe('a token from before', () => {
  it('is good on the routes of auth until it expires', async () => {
    expect((await replica.send('GET', '/auth/me', { token: tokens[0]! })).status).toBe(200);
  });

  it('stays revoked for as long as any verifier would accept it', async () => {
    const { exp, sid } = decodeJwt(tokens[0]!);
    expect((await replica.send('POST', '/auth/logout', { token: tokens[0]! })).status).toBe(204);
    const [row] = await auth.owner.query('SELECT expires_at FROM revocation WHERE value = $1', [sid]);
    expect(secondsOf(row.expires_at)).toBeGreaterThanOrEqual(exp! + 2 * MAX_CLOCK_SKEW_SECONDS);
  });

  it('keeps its session live until it expires, also if the session is refreshed', async () => {
    const { refresh_token } = pair;
    expect((await replica.send('POST', '/auth/refresh', { body: { refresh_token } })).status).toBe(200);
    const { exp, sid } = decodeJwt(pair.access_token);
    const [row] = await auth.owner.query('SELECT expires_at, token_expires_at FROM session WHERE id = $1', [
      sid,
    ]);
    for (const date of [row.expires_at, row.token_expires_at])
      expect(secondsOf(date)).toBeGreaterThanOrEqual(exp! + 2 * MAX_CLOCK_SKEW_SECONDS);
  });

  it('outlives the rotation of its key', async () => {
    const rotated = manage('POST', '/keys/rotate', {});
    await eventually(async () => (await manage('GET', '/keys')).body.rotation !== null);
    expect((await manage('POST', '/rotations/current/proceed')).status).toBe(200);
    await rotated;
    const { kid } = decodeProtectedHeader(tokens[1]!);
    const [row] = await auth.owner.query('SELECT verify_until FROM signing_key WHERE kid = $1', [kid]);
    expect(secondsOf(row.verify_until)).toBeGreaterThanOrEqual(decodeJwt(tokens[1]!).exp! + SKEW);
  });

  it('has its revoked key named until the token and the statements from before are dead', async () => {
    const { kid } = decodeProtectedHeader(tokens[1]!);
    await replica.send('POST', `/admin/keys/${kid}/revoke`, {
      token: admin,
      body: { reason: 'compromised' },
    });
    const ago = `interval '${LONG + STATEMENT - 10} seconds'`;
    await auth.owner.query('ALTER TABLE signing_key DISABLE TRIGGER life_cycle');
    await auth.owner.query(`UPDATE signing_key SET revoked_at = revoked_at - ${ago} WHERE kid = $1`, [kid]);
    await auth.owner.query('ALTER TABLE signing_key ENABLE TRIGGER life_cycle');
    const { epoch } = (await replica.send('GET', '/trust')).body;
    await eventually(async () => (await replica.send('GET', '/trust')).body.epoch > epoch);
    const { revoked } = (await replica.send('GET', '/trust')).body;
    expect(revoked).toContainEqual(expect.objectContaining({ kid }));
  });
});
