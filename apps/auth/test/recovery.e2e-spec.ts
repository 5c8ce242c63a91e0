import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { eventually, startTestNats, type TestNats } from '#testing';
import { AuthCommandsModule } from '../src/auth.module.js';
import type { AuthSettings } from '../src/config.js';
import { KeyCustodianService } from '../src/rotation/key-custodian.service.js';
import { RecoveryService } from '../src/recovery/recovery.service.js';
import { StatementBroadcast } from '../src/statements/statement-broadcast.js';
import { startAuth, type AuthFixture, type AuthReplica } from './auth-fixture.js';
import { backUp, type DatabaseBackup } from './database-backup.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

const kek = () => randomBytes(32).toString('base64');
const epochOf = (jws: string): number =>
  JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString()).epoch;
const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid;

/** What `npm run keys -- …` does: a process of its own beside auth, with the same secrets and database. */
async function command<T>(
  settings: AuthSettings,
  run: (recovery: RecoveryService) => Promise<T>,
): Promise<T> {
  const app = await NestFactory.createApplicationContext(AuthCommandsModule.forRoot(settings), {
    abortOnError: false,
  });
  try {
    await Promise.race([
      app.get(StatementBroadcast).compared,
      new Promise((done) => setTimeout(done, 2_000)),
    ]);
    await eventually(() => app.get(DataSource).isInitialized);
    return await run(app.get(RecoveryService));
  } finally {
    await app.close();
  }
}

const statementOf = async ({ send }: Pick<AuthReplica, 'send'>) =>
  (await send('GET', '/.well-known/keyset')).text;
const publicKids = async ({ send }: Pick<AuthReplica, 'send'>): Promise<string[]> =>
  (await send('GET', '/.well-known/jwks.json')).body.keys.map(({ kid }: { kid: string }) => kid);
const readiness = async ({ send }: Pick<AuthReplica, 'send'>) => {
  const { status, body } = await send('GET', '/health/ready');
  return { status, keySet: body.checks.keySet };
};
const WENT_BACK = { status: 503, keySet: { status: 'down', reason: 'database_went_back' } };

describe('after the database was restored from an older backup', () => {
  let nats: TestNats;
  let auth: AuthFixture;
  let verifier: VerifierFixture;
  let folder: string;
  let backup: DatabaseBackup;
  /** Of a session that the backup knows, by the key that was active then. */
  let early: string;
  /** By the key that was revoked after the backup. */
  let stolen: string;
  /** By the key that was active when the database was lost. */
  let late: string;
  let newest: number;

  const copy = () => join(folder, 'last-statement.jwt');
  const withoutCopy = { statementCopy: undefined };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'recovery-'));
    nats = await startTestNats();
    const settings = { statementCopy: copy(), statementIntervalSeconds: 1, countedSeconds: 2 };
    auth = await startAuth({ nats, settings });
    verifier = startVerifier(auth.settings, nats, { fetchUrl: auth.url });
    early = await auth.login('admin', 'auth');
    await eventually(() => verifier.epoch() > 0);
  }, 60_000);
  afterAll(async () => {
    await verifier.stop();
    await auth.close();
    await nats.close();
    rmSync(folder, { recursive: true });
  });

  it('there is nothing to recover before', async () => {
    await expect(command(auth.settings, (recovery) => recovery.recover())).rejects.toMatchObject({
      code: 'nothing_to_recover',
    });
  });

  it('notices while it runs, and signs neither a token nor a statement', async () => {
    backup = await backUp(auth.logins.owner);
    const revoke = (token: string) =>
      auth.send('POST', `/admin/keys/${kidOf(token)}/revoke`, {
        token: early,
        body: { reason: 'compromised' },
      });
    // What stood by at the time of the backup becomes active, is stolen and revoked.
    expect((await revoke(early)).status).toBe(200);
    early = await auth.login('admin', 'auth');
    stolen = await auth.login();
    expect((await revoke(stolen)).status).toBe(200);
    late = await auth.login();
    await backup.restore();

    await eventually(async () => expect(await readiness(auth)).toEqual(WENT_BACK));
    newest = epochOf(await statementOf(auth));
    const complaints = auth
      .logged()
      .split('\n')
      .filter((line) => line.includes('restored from an old backup'));
    expect(complaints).toEqual([expect.stringContaining('npm run keys -- recover')]);
    const { email, password } = await auth.account();
    const login = await auth.send('POST', '/auth/login', { body: { email, password } });
    expect(login).toMatchObject({ status: 503, body: { code: 'database_went_back' } });
    expect(login.headers.get('retry-after')).toBe('60');
    // Two whole rounds issue no statement. The first call may share a round that began before.
    const custodian = auth.app.get(KeyCustodianService, { strict: false });
    for (let round = 0; round < 3; round += 1) await custodian.tick();
    expect(epochOf(await statementOf(auth))).toBe(newest);
    expect(verifier.epoch()).toBe(newest);
    expect(verifier.judge(late)).toMatchObject({ aud: 'orders' });
    expect(verifier.judge(stolen)).toBe('unknown_kid');
  });

  it.each([
    ['by the copy beside the anchor and NATS', () => auth.settings],
    ['by NATS alone', () => ({ ...auth.settings, ...withoutCopy })],
    [
      'by the copy alone, NATS having lost its storage',
      async () => {
        await nats.wipe();
        return auth.settings;
      },
    ],
  ])('a replica that starts then notices %s, and serves the newest statement', async (_, settings) => {
    const replica = await auth.replica(await settings());
    await eventually(async () => expect(await readiness(replica)).toEqual(WENT_BACK));
    expect(epochOf(await statementOf(replica))).toBe(newest);
    const kids = await publicKids(replica);
    expect(kids).toContain(kidOf(late));
    expect(kids).not.toContain(kidOf(stolen));
    // The session that the token names lives in the backup, but its key is revoked.
    expect((await replica.send('GET', '/auth/me', { token: stolen })).status).toBe(401);
    await replica.close();
  });

  it('recovers, once, however many ask', async () => {
    const settings = { ...auth.settings, ...withoutCopy };
    const outcomes = await Promise.allSettled([
      command(settings, (recovery) => recovery.recover()),
      command(auth.settings, (recovery) => recovery.recover()),
    ]);
    const [done, ...more] = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(more).toEqual([]);
    expect(done).toMatchObject({ after: newest, epoch: newest + 1, endedSessions: expect.any(Number) });
    expect(done!.from).toBeLessThan(newest);
    expect(done!.endedSessions).toBeGreaterThan(0);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'nothing_to_recover' },
    });
  });

  it('goes on by itself with other keys, and knows every revocation', async () => {
    await eventually(async () => expect((await readiness(auth)).status).toBe(200));
    await eventually(async () => {
      const kids = await publicKids(auth);
      expect(kids).not.toContain(kidOf(late));
      const [one] = await auth.owner.query(
        `SELECT count(*)::int AS n FROM signing_key WHERE status = 'active'`,
      );
      expect(one.n).toBe(1);
    });
    const rows: { kid: string; status: string; revocation_reason: string; revocation_note: string | null }[] =
      await auth.owner.query('SELECT kid, status, revocation_reason, revocation_note FROM signing_key');
    expect(rows.find(({ kid }) => kid === kidOf(stolen))).toMatchObject({
      status: 'revoked',
      revocation_reason: 'compromised',
    });
    // It was made after the backup.
    expect(rows.find(({ kid }) => kid === kidOf(late))).toMatchObject({
      status: 'revoked',
      revocation_reason: 'unspecified',
      revocation_note: 'the database was restored',
    });
    const [sessions] = await auth.owner.query(
      'SELECT count(*)::int AS live FROM session WHERE ended_at IS NULL',
    );
    expect(sessions.live).toBe(0);
  });

  it('verifiers accept what is signed now and refuse what was signed before', async () => {
    await eventually(() => verifier.epoch() > newest);
    const fresh = await auth.login();
    expect(verifier.judge(fresh)).toMatchObject({ aud: 'orders' });
    for (const token of [early, stolen, late]) {
      expect(verifier.judge(token)).toBe('unknown_kid');
      expect((await auth.send('GET', '/auth/me', { token })).status).toBe(401);
    }
    expect(verifier.ring.facts().statements.refused).not.toHaveProperty('closed_anchor');
  });

  it('goes back to nothing to recover', async () => {
    await expect(command(auth.settings, (recovery) => recovery.recover())).rejects.toMatchObject({
      code: 'nothing_to_recover',
    });
  });
});

describe('recovery where the key-encryption key was exchanged since the backup', () => {
  it('replaces keys that nobody can open any more, by ones of the algorithm that signed last', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'recovery-'));
    const [old, next] = [kek(), kek()];
    const statementCopy = join(folder, 'last-statement.jwt');
    const auth = await startAuth({
      settings: { keyEncryptionKey: [old], signingAlg: 'RS256', statementCopy },
    });
    try {
      const backup = await backUp(auth.logins.owner);
      // The standby of the backup is revoked in the time that is lost.
      const admin = await auth.login('admin', 'auth');
      const { body } = await auth.send('POST', `/admin/keys/${kidOf(admin)}/revoke`, {
        token: admin,
        body: { reason: 'compromised' },
      });
      await auth.first.close();
      await backup.restore();
      const settings = { ...auth.settings, keyEncryptionKey: [next], signingAlg: 'ES256' as const };
      await command(settings, (recovery) => recovery.recover());
      const replica = await auth.replica(settings);
      await eventually(async () => expect((await readiness(replica)).status).toBe(200));
      const { email, password } = await auth.account();
      const { access_token } = await eventually(async () => {
        const login = await replica.send('POST', '/auth/login', { body: { email, password } });
        expect(login.status).toBe(200);
        return login.body;
      });
      expect(JSON.parse(Buffer.from(access_token.split('.')[0], 'base64url').toString()).alg).toBe('RS256');
      expect(await publicKids(replica)).not.toContain(body.activeKid);
    } finally {
      await auth.close();
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});

describe('the copy beside the anchor', () => {
  it('that cannot be read stops no login and no statement, and readiness tells it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'recovery-'));
    const statementCopy = join(folder, 'last-statement.jwt');
    // Nobody can read a folder as a file, not even root, as which tests may run.
    mkdirSync(statementCopy);
    const auth = await startAuth({ settings: { statementCopy, statementIntervalSeconds: 1 } });
    try {
      const before = epochOf(await statementOf(auth));
      const { email, password } = await auth.account();
      for (let i = 0; i < 3; i += 1) {
        const login = await auth.send('POST', '/auth/login', { body: { email, password } });
        expect(login.status).toBe(200);
        const token = login.body.access_token as string;
        expect((await auth.send('POST', '/auth/logout', { token })).status).toBe(204);
      }
      await eventually(async () => epochOf(await statementOf(auth)) > before + 1);
      expect(await readiness(auth)).toEqual({
        status: 200,
        keySet: { status: 'degraded', reason: 'no_statement_copy' },
      });
      expect(auth.logged().match(/the statement copy cannot be read: EISDIR/g)).toHaveLength(1);
      rmdirSync(statementCopy);
      await eventually(async () =>
        expect(await readiness(auth)).toEqual({ status: 200, keySet: { status: 'up' } }),
      );
    } finally {
      await auth.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('does not hold statements back when it cannot be written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'recovery-'));
    const settings = { statementCopy: join(folder, 'gone/last-statement.jwt'), statementIntervalSeconds: 1 };
    const auth = await startAuth({ settings });
    try {
      const before = epochOf(await statementOf(auth));
      await eventually(async () => epochOf(await statementOf(auth)) > before + 1);
      expect(auth.logged().match(/the statement copy cannot be written/g)).toHaveLength(1);
    } finally {
      await auth.close();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the key-encryption key', () => {
  it('is exchanged while auth runs: new and old open, everything is sealed again, the old one goes', async () => {
    const [old, next] = [kek(), kek()];
    const auth = await startAuth({ settings: { keyEncryptionKey: [old], countedSeconds: 1 } });
    try {
      const admin = await auth.login('admin', 'auth');
      // A retiring key has a seal too, over nothing.
      const rotating = auth.send('POST', '/admin/keys/rotate', { token: admin });
      await eventually(async () => {
        const { status } = await auth.send('POST', '/admin/rotations/current/proceed', { token: admin });
        return status === 200;
      });
      expect((await rotating).status).toBe(200);
      const seals = async (): Promise<Record<string, string>> => {
        const rows = await auth.owner.query<{ kid: string; seal: string }[]>(
          `SELECT kid, seal FROM signing_key WHERE status IN ('prepared', 'active', 'retiring')`,
        );
        return Object.fromEntries(rows.map(({ kid, seal }) => [kid, seal]));
      };
      const before = await eventually(async () => {
        const present = await seals();
        // The retiring key, the active one and the next standby.
        expect(Object.keys(present)).toHaveLength(3);
        return present;
      });
      const both = { ...auth.settings, keyEncryptionKey: [next, old] };
      expect(await command(both, (recovery) => recovery.reseal())).toBe(Object.keys(before).length);
      const after = await seals();
      for (const [kid, seal] of Object.entries(before)) expect(after[kid]).not.toBe(seal);
      expect(await command(both, (recovery) => recovery.reseal())).toBe(0);
      expect(await seals()).toEqual(after);
      await auth.first.close();

      const replica = await auth.replica({ keyEncryptionKey: [next] });
      expect((await replica.send('GET', '/auth/me', { token: admin })).status).toBe(200);
      expect((await publicKids(replica)).sort()).toEqual(Object.keys(after).sort());
      const { email, password } = await auth.account();
      const body = { email, password };
      expect((await replica.send('POST', '/auth/login', { body })).status).toBe(200);

      // The old one alone opens nothing any more, so nothing is signed with it.
      const late = await auth.replica({ keyEncryptionKey: [old] });
      expect((await late.send('POST', '/auth/login', { body })).status).not.toBe(200);
    } finally {
      await auth.close();
    }
  }, 60_000);
});
