/** Who waits for whom: a token that is being signed, a heartbeat, and a change of the key that signs. */
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '#testing';
import { activate, standbyKey } from '../src/keys/key-life-cycle.js';
import { EpochGuard } from '../src/key-set/epoch-guard.js';
import { KeySetService } from '../src/key-set/key-set.service.js';
import { NewestStatement } from '../src/key-set/newest-statement.js';
import { SigningKey } from '../src/keys/signing-key.entity.js';
import { shareSigning } from '../src/key-set/signing-lock.js';
import { startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;
let keySet: KeySetService;
let newest: NewestStatement;
let admin: string;
const open: (() => Promise<void>)[] = [];

beforeAll(async () => {
  auth = await startAuth({ settings: { statementIntervalSeconds: 1 } });
  keySet = auth.app.get(KeySetService, { strict: false });
  newest = auth.app.get(NewestStatement, { strict: false });
  admin = await auth.login('admin');
});
afterEach(async () => {
  for (const end of open.splice(0)) await end();
});
afterAll(() => auth?.close());

const manage = (method: string, path: string, body?: unknown) =>
  auth.send(method, `/admin${path}`, { token: admin, ...(body !== undefined && { body }) });
const kidsThatAre = async (status: string): Promise<string[]> =>
  (await auth.owner.query('SELECT kid FROM signing_key WHERE status = $1', [status])).map(
    ({ kid }: { kid: string }) => kid,
  );

/** Stops in the middle of signing a token, as a replica does that loses its database there. */
async function stopWhileSigning(): Promise<() => Promise<void>> {
  const runner = auth.owner.createQueryRunner();
  await runner.startTransaction();
  await shareSigning(runner.manager);
  await runner.manager.findOne(SigningKey, {
    where: { status: 'active' },
    lock: { mode: 'pessimistic_read' },
  });
  const end = async () => {
    if (runner.isReleased) return;
    await runner.rollbackTransaction();
    await runner.release();
  };
  open.push(end);
  return end;
}

/** Stops in the middle of a heartbeat. */
function stopInHeartbeat() {
  let go!: () => void;
  const gate = new Promise<void>((resolve) => (go = resolve));
  let hasBegun!: () => void;
  const begun = new Promise<void>((resolve) => (hasBegun = resolve));
  const issued = keySet.change(async (keys) => {
    hasBegun();
    await gate;
    return { keys, answer: undefined };
  });
  const end = async () => {
    go();
    await issued;
  };
  open.push(end);
  return { begun, end };
}

/** Locks the row of a table, as another replica does. `release` waits until somebody waits, and returns the time then. */
async function lockRow(table: string) {
  const runner = auth.owner.createQueryRunner();
  await runner.startTransaction();
  await runner.query(`SELECT FROM ${table} FOR UPDATE`);
  const end = async () => {
    if (runner.isReleased) return;
    await runner.rollbackTransaction();
    await runner.release();
  };
  open.push(end);
  const somebodyWaits = () =>
    eventually(async () => {
      const [{ waiting }] = await runner.query(
        'SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted',
      );
      return waiting > 0;
    });
  const release = async (): Promise<Date> => {
    await somebodyWaits();
    const [{ now }] = await runner.query('SELECT clock_timestamp() AS now FROM pg_sleep(0.2)');
    await end();
    return now;
  };
  return { somebodyWaits, release };
}

describe('a change that waited for another replica has a time after the wait', () => {
  it('a statement', async () => {
    const lock = await lockRow('key_set');
    const changed = keySet.change((_keys, { now }) => ({ answer: now }));
    const released = await lock.release();
    expect((await changed).answer.getTime()).toBeGreaterThanOrEqual(released.getTime());
  });

  it('a revocation', async () => {
    const token = await auth.login();
    const lock = await lockRow('revocation_counter');
    const loggedOut = auth.send('POST', '/auth/logout', { token });
    const released = await lock.release();
    expect((await loggedOut).status).toBe(204);
    const [{ createdAt }] = await auth.owner.query(
      'SELECT created_at AS "createdAt" FROM revocation ORDER BY n DESC LIMIT 1',
    );
    expect(createdAt.getTime()).toBeGreaterThanOrEqual(released.getTime());
  });
});

it('a revocation is refused if the database is found to have gone back while it waited', async () => {
  const guard = auth.app.get(EpochGuard, { strict: false });
  const count = async () => (await auth.owner.query('SELECT count(*)::int AS n FROM revocation'))[0].n;
  const before = await count();
  const token = await auth.login();
  const lock = await lockRow('revocation_counter');
  const loggedOut = auth.send('POST', '/auth/logout', { token });
  await lock.somebodyWaits();
  const proven = guard.provenEpoch();
  // As if a statement had come over NATS.
  const later = jest.spyOn(guard, 'provenEpoch').mockReturnValue(proven + 1_000);
  await lock.release();
  expect((await loggedOut).status).toBe(503);
  later.mockRestore();
  guard.compare(newest.current!.epoch, guard.provenEpoch());
  expect(await count()).toBe(before);
});

describe('while a replica is stuck in the middle of signing', () => {
  it('statements go on, and so do logins', async () => {
    await stopWhileSigning();
    const epoch = newest.current!.epoch;
    await eventually(() => newest.current!.epoch >= epoch + 2);
    expect(await auth.login()).toBeDefined();
  });

  it('a key is prepared, and a rotation begins and is aborted', async () => {
    await stopWhileSigning();
    const rotated = manage('POST', '/keys/rotate', { alg: 'ES384' });
    await eventually(async () => (await manage('GET', '/keys')).body.rotation !== null);
    expect((await manage('POST', '/rotations/current/abort')).status).toBe(204);
    expect(await rotated).toMatchObject({ status: 409, body: { code: 'rotation_aborted' } });
  });

  it('the key that signs changes only once the token is signed', async () => {
    const [before] = await kidsThatAre('active');
    const end = await stopWhileSigning();
    const revoked = manage('POST', `/keys/${before}/revoke`, { reason: 'compromised' });
    await eventually(async () => {
      const waiting = await auth.owner.query(
        `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return waiting.length > 0;
    });
    expect(await kidsThatAre('active')).toEqual([before]);
    await end();
    expect((await revoked).status).toBe(200);
    expect(await kidsThatAre('revoked')).toContain(before);
    admin = await auth.login('admin');
  });
});

describe('while a heartbeat is stuck', () => {
  it('logins go on, and the next statement has the next epoch', async () => {
    const epoch = newest.current!.epoch;
    const { begun, end } = stopInHeartbeat();
    await begun;
    expect(await auth.login()).toBeDefined();
    await end();
    await eventually(() => newest.current!.epoch > epoch + 1);
  });
});

it('a change of the active key that did not wait for signers is refused, and nothing has happened', async () => {
  await eventually(async () => (await kidsThatAre('prepared')).length > 0);
  const [before] = await kidsThatAre('active');
  const careless = keySet.change((keys, { now }) => ({
    keys: activate(keys, standbyKey(keys)!.kid, { now, verifyUntil: now, destroy: () => '' }),
    answer: undefined,
  }));
  await expect(careless).rejects.toThrow('a step must call stopSigning before it changes the active key');
  expect(await kidsThatAre('active')).toEqual([before]);
});
