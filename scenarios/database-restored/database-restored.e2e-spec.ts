import { expect } from '@jest/globals';
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '#testing';
import { secretPaths } from '../../infra/system/secrets.js';
import { postgresDataParent } from '../../infra/local/postgres-home.js';
import { statePaths } from '../../infra/local/state-dir.js';
import { projectRoot } from '../../infra/project.js';
import { kidOf } from '../../infra/tour/tokens.js';
import { startExtraInstance } from '../support/extra-instance.js';
import { scenario } from '../support/scenario.js';
import { guarded, mainService, type Grant } from '../support/scenario-system.js';
import { timeUntil } from '../support/traffic.js';

const periods = { auth: { STATEMENT_INTERVAL_SECONDS: '1', COUNTED_SECONDS: '3', ROTATION_SECONDS: '0' } };

scenario(import.meta.url, periods, (system, step) => {
  const data = () => join(postgresDataParent(system.stateDir), 'data');
  const backup = () => join(postgresDataParent(system.stateDir), 'backup');
  const copyFile = () => join(secretPaths.statements(system.stateDir, 'auth'), 'last-statement.jwt');
  const natsStorage = () => join(statePaths.nats(system.stateDir), 'jetstream');
  const authLog = () => readFileSync(statePaths.log(system.stateDir, 'auth'), 'utf8');
  const readiness = async () => {
    const { status, body } = await system.ask('auth', 'GET /health/ready');
    return { status, keySet: body.checks.keySet };
  };
  const wentBack = { status: 503, keySet: { status: 'down', reason: 'database_went_back' } };
  const publishedKids = async (): Promise<string[]> =>
    (await system.ask('auth', 'GET /.well-known/jwks.json')).body.keys.map(({ kid }: { kid: string }) => kid);

  /** Signed by the key that was active when the backup was made, in a session that the backup knows. */
  let first: Grant;
  /** Signed by the key that stood by in the backup, and was revoked after it. */
  let stolen: Grant;
  let last: Grant;
  let admin: string;
  let epoch: number;
  let launching: Promise<void>;

  step('1. Make a backup', async () => {
    first = await system.grant();
    admin = await system.logIn('admin', 'auth');
    await system.parts.halt('postgres');
    // As it is, with owners and modes.
    execFileSync('cp', ['-a', data(), backup()]);
    await system.parts.launch('postgres');
    await eventually(async () => expect((await readiness()).status).toBe(200), { timeoutMs: 10_000 });
  });

  step('2. Rotate, and revoke the new key', async () => {
    await eventually(async () => expect((await system.verifiers()).complete).toBe(true), {
      timeoutMs: 10_000,
    });
    const rotated = await system.admin('POST /admin/keys/rotate', {});
    stolen = await system.grant();
    expect({ status: rotated.status, kid: rotated.body.kid }).toEqual({
      status: 200,
      kid: kidOf(stolen.token),
    });
    expect(await system.knock(stolen)).toBe(200);
    await system.admin(`POST /admin/keys/${kidOf(stolen.token)}/revoke`, { reason: 'compromised' });
    last = await system.grant();
    await timeUntil(401, () => system.knock(stolen));
    expect([await system.knock(first), await system.knock(last)]).toEqual([200, 200]);
  });

  step('3. Restore the backup', async () => {
    await system.parts.halt('postgres');
    rmSync(data(), { recursive: true });
    execFileSync('cp', ['-a', backup(), data()]);
    await system.parts.launch('postgres');
    await eventually(async () => expect(await readiness()).toEqual(wentBack), { timeoutMs: 10_000 });
    epoch = (await system.ring('auth')).epoch!;
    expect(authLog()).toMatch(/the database is at epoch \d+, but epoch \d+ was published.*keys -- recover/);
  });

  step('4. See that auth signs nothing, and that the other services go on', async () => {
    const login = () => system.grant();
    await expect(login()).rejects.toThrow('answered 503');
    // In the restored table the stolen key stands by; a start of auth must not bring it back.
    await restartAuth();
    await expect(login()).rejects.toThrow('answered 503');
    expect(await system.ask('auth', 'POST /admin/keys/rotate', { token: admin })).toMatchObject({
      status: 503,
      body: { code: 'database_went_back' },
    });
    expect(await publishedKids()).not.toContain(kidOf(stolen.token));

    const extra = await startExtraInstance(system, mainService);
    for (const url of [system.parts.urls[mainService]!, extra.url]) {
      const ask = (grant: Grant) => system.knock(grant, url);
      expect([await ask(first), await ask(last)]).toEqual([200, 200]);
      // 503 once no statement has come for 15 s: it might be of a key that has not been heard of yet.
      expect([401, 503]).toContain(await ask(stolen));
    }
    await extra.child.stop();
    expect((await system.ask('auth', 'GET /auth/me', { token: stolen.token })).status).toBe(401);
    for (const service of ['auth', ...guarded]) expect((await system.ring(service)).epoch).toBe(epoch);
  });

  step('5. Lose one of the two proofs', async () => {
    const copy = readFileSync(copyFile(), 'utf8');
    rmSync(copyFile());
    await restartAuth();
    expect((await system.ring('auth')).epoch).toBe(epoch);

    await system.parts.halt('auth'); // it would tell NATS again what it remembers
    await system.parts.halt('nats');
    rmSync(natsStorage(), { recursive: true });
    writeFileSync(copyFile(), copy, { mode: 0o600 });
    await system.parts.launch('nats');
    await restartAuth();
    expect((await system.ring('auth')).epoch).toBe(epoch);
  });

  step('6. Recover', async () => {
    const cli = join(projectRoot, 'dist/infra/local/run-key-command.js');
    const keys = (command: string) =>
      promisify(execFile)(process.execPath, [cli, command, '--state-dir', system.stateDir]);
    const { stdout } = await keys('recover');
    const said =
      /was at epoch (\d+), but epoch (\d+) was already published; auth continues with epoch (\d+)\./.exec(
        stdout,
      );
    const [from, published, next] = said!.slice(1).map(Number) as [number, number, number];
    expect(from).toBeLessThan(epoch);
    expect([published, next]).toEqual([epoch, epoch + 1]);
    expect(stdout).toMatch(/All keys are replaced, [1-9]\d* sessions are ended/);

    await launching; // auth becomes ready by itself
    await expect(keys('recover')).rejects.toMatchObject({
      code: 1,
      stderr: 'There is nothing to recover: the database holds the newest statement\n',
    });
  });

  step('7. Log in again', async () => {
    for (const audience of guarded) {
      const grant = await eventually(() => system.grant(audience)); // the first new key signs within a second
      await timeUntil(200, () => system.knock(grant));
    }
    for (const grant of [first, stolen, last]) {
      expect(await system.knock(grant)).toBe(401);
      expect((await system.ask('auth', 'GET /auth/me', { token: grant.token })).status).toBe(401);
    }
    const { keys } = await system.keys();
    const statusOf = (kid: string) => keys.find((key) => key.kid === kid)?.status;
    for (const { token } of [first, stolen, last]) expect(statusOf(kidOf(token))).toBe('revoked');
    expect(keys.filter(({ status }) => status === 'active')).toHaveLength(1);
    for (const service of guarded) {
      await eventually(async () => expect((await system.ring(service)).epoch).toBeGreaterThan(epoch));
      expect((await system.ring(service)).statements.refused).toEqual({});
    }
  });

  /** Starts auth anew and waits until it says what is wrong; it becomes ready only when it is recovered. */
  async function restartAuth(): Promise<void> {
    await system.parts.halt('auth');
    await launching?.catch(() => undefined); // of the process that has just ended
    launching = system.parts.launch('auth');
    launching.catch(() => undefined);
    await eventually(async () => expect(await readiness()).toEqual(wentBack), { timeoutMs: 15_000 });
  }
});
