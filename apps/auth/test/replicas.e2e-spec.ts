/** Three replicas of auth over one database: one life of the keys, one sequence of epochs, in any order of events. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { ackSubject, KEYSET_SUBJECT } from '#statements';
import { eventually, startTestNats, type TestNats, type Answer } from '#testing';
import { connectNats, type NatsLink } from '#trust/nats';
import { KeySetService } from '../src/key-set/key-set.service.js';
import { EpochGuard } from '../src/key-set/epoch-guard.js';
import { startAuth, type AuthFixture, type AuthReplica } from './auth-fixture.js';
import { openGate, type TcpGate } from './tcp-gate.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

const SETTINGS = {
  countedSeconds: 4,
  statementIntervalSeconds: 1,
  accessTokenSeconds: 60,
  databaseConnectTimeoutMs: 3_000,
};

let nats: TestNats;
let auth: AuthFixture;
let replicas: AuthReplica[];
/** Between the third replica and the database. */
let gate: TcpGate;
let verifier: VerifierFixture;
let orders: NatsLink;
let admin: string;
/** Whatever went over the subject: each statement, and how often. */
const heard: string[] = [];

const manage = (replica: Pick<AuthReplica, 'send'>, method: string, path: string, body?: unknown) =>
  replica.send(method, `/admin${path}`, { token: admin, ...(body !== undefined && { body }) });
const rotateAt = (replica: AuthReplica) => manage(replica, 'POST', '/keys/rotate', {});
const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status).sort();
const codes = (answers: readonly Answer[]) => answers.flatMap(({ body }) => body?.code ?? []);
const kidsThatAre = async (status: string): Promise<string[]> =>
  (await auth.owner.query('SELECT kid FROM signing_key WHERE status = $1', [status])).map(
    ({ kid }: { kid: string }) => kid,
  );
const standsBy = () => eventually(async () => (await kidsThatAre('prepared')).length > 0);
const everReady = () =>
  eventually(
    async () => {
      for (const { send } of replicas) if ((await send('GET', '/health/ready')).status !== 200) return false;
      return true;
    },
    { timeoutMs: 10_000 },
  );

beforeAll(async () => {
  nats = await startTestNats();
  auth = await startAuth({ nats, settings: SETTINGS });
  // Every statement that was ever committed, as the database saw it.
  await auth.owner.query('CREATE TABLE issued (epoch bigint, statement text)');
  await auth.owner.query(`
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO issued VALUES (NEW.epoch, NEW.statement); RETURN NULL; END $$`);
  await auth.owner.query(
    'CREATE TRIGGER note AFTER UPDATE OF epoch ON key_set FOR EACH ROW EXECUTE FUNCTION note()',
  );
  gate = await openGate(auth.logins.runtime.port);
  replicas = [auth, await auth.replica(), await auth.replica({ databasePort: gate.port })];
  verifier = startVerifier(auth.settings, nats);
  orders = connectNats({
    servers: nats.url,
    nkeySeed: nats.nkeySeed('orders'),
    service: 'orders',
    instance: 'listener',
  });
  (await orders.connection).subscribe(KEYSET_SUBJECT, {
    callback: (_error, message) => void heard.push(message.string()),
  });
  admin = await auth.login('admin');
  for (const replica of replicas)
    await eventually(async () => (await manage(replica, 'GET', '/verifiers')).body.complete === true, {
      timeoutMs: 10_000,
    });
}, 60_000);

afterEach(async () => {
  gate.open();
  await everReady();
});

afterAll(async () => {
  await verifier?.stop();
  await orders?.close();
  gate?.open();
  await auth?.close();
  await gate?.close();
  await nats?.close();
});

/** An instance of orders that is heard of and never learns a key, so that a rotation waits. */
async function withDeaf<T>(work: () => Promise<T>): Promise<T> {
  const connection = await orders.connection;
  const ack = () =>
    connection.publish(
      ackSubject('orders', 'deaf'),
      JSON.stringify({ epoch: 1, kids: [], pins: [], at: Date.now() }),
    );
  ack();
  const heartbeat = setInterval(ack, 200);
  try {
    for (const replica of replicas)
      await eventually(async () => (await manage(replica, 'GET', '/verifiers')).text.includes('"deaf"'));
    return await work();
  } finally {
    clearInterval(heartbeat);
  }
}

/** Logs in at the first replicas in turn until told to stop, and gives each token to `judge` at once. */
function traffic(judge: (token: string) => unknown) {
  const stop = new AbortController();
  const verdicts: unknown[] = [];
  const loops = [replicas[0]!, replicas[1]!, replicas[0]!].map(async (replica) => {
    const { email, password } = await auth.account();
    while (!stop.signal.aborted) {
      const { status, body } = await replica.send('POST', '/auth/login', { body: { email, password } });
      verdicts.push(status === 200 ? await judge(body.access_token) : `login: ${status} ${body.code}`);
    }
  });
  return async () => {
    stop.abort();
    await Promise.all(loops);
    return verdicts;
  };
}

describe('at the same time on every replica', () => {
  it('a rotation is begun once; the others are told so', async () => {
    await standsBy();
    const [before] = await kidsThatAre('active');
    await withDeaf(async () => {
      const rotations = replicas.map(rotateAt);
      await eventually(async () => (await manage(replicas[1]!, 'GET', '/keys')).body.rotation !== null);
      // Whoever was refused has answered by now; whoever began it waits for the deaf one.
      const refused = await Promise.race([
        Promise.all(rotations),
        eventually(async () => {
          const open = await auth.owner.query('SELECT kid FROM rotation WHERE ended_at IS NULL');
          return open.length === 1;
        }).then(() => undefined),
      ]);
      expect(refused).toBeUndefined();
      expect((await manage(replicas[2]!, 'POST', '/rotations/current/proceed')).status).toBe(200);
      const answers = await Promise.all(rotations);
      expect(statuses(answers)).toEqual([200, 409, 409]);
      expect(codes(answers)).toEqual(['rotation_in_progress', 'rotation_in_progress']);
    });
    expect(await kidsThatAre('active')).not.toContain(before);
    expect(await kidsThatAre('retiring')).toContain(before);
  });

  it('a key is revoked once; the others are told that it is', async () => {
    await standsBy();
    const [active] = await kidsThatAre('active');
    const answers = await Promise.all(
      replicas.map((replica) => manage(replica, 'POST', `/keys/${active}/revoke`, { reason: 'compromised' })),
    );
    expect(statuses(answers)).toEqual([200, 409, 409]);
    expect(codes(answers)).toEqual(['key_not_revocable', 'key_not_revocable']);
    expect(await kidsThatAre('active')).toEqual([
      answers.find(({ status }) => status === 200)!.body.activeKid,
    ]);
    admin = await auth.login('admin');
  });
});

describe('while keys are rotated on one replica after the other', () => {
  it('every token is good at a verifier, and at the routes of every other replica, at once', async () => {
    await eventually(() => verifier.kids().length > 0);
    const finish = traffic(async (token) => {
      const verdict = verifier.judge(token);
      if (typeof verdict === 'string') return `verifier: ${verdict}`;
      const { status } = await replicas[2]!.send('GET', '/auth/me', { token });
      return status === 200 ? 'good' : `auth: ${status}`;
    });
    for (let i = 0; i < 4; i += 1) {
      const { status } = await rotateAt(replicas[i % 2]!);
      expect([200, 202]).toContain(status);
      await eventually(async () => (await manage(auth, 'GET', '/keys')).body.rotation === null);
    }
    const verdicts = await finish();
    expect(verdicts.length).toBeGreaterThan(5);
    expect(verdicts.filter((verdict) => verdict !== 'good')).toEqual([]);
  }, 60_000);

  it('and revoked, proceeded with and aborted: nothing but expected answers, and no 5xx', async () => {
    const finish = traffic(() => 'good');
    const [prepared, retiring] = [await kidsThatAre('prepared'), await kidsThatAre('retiring')];
    const answers = await Promise.all(
      Array.from({ length: 18 }, async (_, i) => {
        const replica = replicas[i % 3]!;
        if (i % 3 === 0) return manage(replica, 'POST', '/keys/rotate', i % 2 ? { alg: 'ES384' } : {});
        if (i % 3 === 1) return manage(replica, 'POST', '/rotations/current/proceed');
        if (i % 6 === 2) return manage(replica, 'POST', '/rotations/current/abort');
        const [kid] = i < 9 ? prepared : retiring;
        return manage(replica, 'POST', `/keys/${kid ?? 'none'}/revoke`, { reason: 'unspecified' });
      }),
    );
    const verdicts = await finish();
    expect(answers.filter(({ status }) => status >= 500 && status !== 503)).toEqual([]);
    expect(verdicts.filter((verdict) => verdict !== 'good')).toEqual([]);
    expect(await kidsThatAre('active')).toHaveLength(1);
    admin = await auth.login('admin');
  }, 60_000);
});

describe('a replica that is cut off in the middle', () => {
  it('of everything, by the database: nothing is left half done', async () => {
    const finish = traffic(() => 'good');
    const rotations: Promise<Answer>[] = [];
    // Of the same role, which may end its own; it falls itself when the database is dropped.
    const executioner = new pg.Client(auth.logins.runtime).on('error', () => undefined);
    await executioner.connect();
    for (let i = 0; i < 6; i += 1) {
      rotations.push(rotateAt(replicas[i % 3]!));
      await eventually(async () => {
        const { rows } = await executioner.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()',
        );
        return rows.length > 0;
      });
      await eventually(async () => (await auth.send('GET', '/health/ready')).status === 200);
    }
    await executioner.end();
    const answers = await Promise.all(rotations);
    const verdicts = await finish();
    const odd = (status: number) => ![200, 202, 409, 503].includes(status);
    expect(answers.filter(({ status }) => odd(status)).map(({ text }) => text)).toEqual([]);
    expect(verdicts.filter((verdict) => verdict !== 'good' && !/login: 503/.test(String(verdict)))).toEqual(
      [],
    );
    await everReady();
    await eventually(async () => (await manage(auth, 'GET', '/keys')).body.rotation === null, {
      timeoutMs: 10_000,
    });
    expect(await kidsThatAre('active')).toHaveLength(1);
    await standsBy();
    expect(verifier.judge(await auth.login())).toMatchObject({ aud: 'orders' });
  }, 60_000);

  it('of a rotation, by its own end: another carries it on', async () => {
    await standsBy();
    let kid: string | undefined;
    const dying = await auth.replica();
    await withDeaf(async () => {
      const rotated = rotateAt(dying).catch(() => undefined);
      await eventually(async () => {
        kid = (await manage(auth, 'GET', '/keys')).body.rotation?.kid;
        return kid !== undefined;
      });
      await dying.close();
      await rotated;
    });
    await eventually(async () => (await kidsThatAre('active'))[0] === kid, { timeoutMs: 15_000 });
  }, 30_000);

  it('from the database alone: signs nothing, serves what it has, harms no other, and is back by itself', async () => {
    const [healthy, , cut] = replicas as [AuthReplica, AuthReplica, AuthReplica];
    const { email, password } = await auth.account();
    const body = { email, password };
    const epochAt = async ({ send }: AuthReplica): Promise<number> => {
      const { status, text } = await send('GET', '/.well-known/keyset');
      expect(status).toBe(200);
      return JSON.parse(Buffer.from(text.split('.')[1]!, 'base64url').toString()).epoch;
    };
    gate.shut();
    for (const answer of [
      await cut.send('POST', '/auth/login', { body }),
      await cut.send('GET', '/auth/me', { token: admin }),
      await manage(cut, 'POST', '/keys/rotate', {}),
      await manage(cut, 'POST', '/rotations/current/proceed'),
    ])
      expect(answer).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
    const last = await epochAt(cut);
    expect((await cut.send('GET', '/.well-known/jwks.json')).body.keys.length).toBeGreaterThan(1);
    // It cannot know whether this is the newest, and says so.
    const age = async ({ send }: AuthReplica) =>
      (await send('GET', '/.well-known/keyset')).headers.get('age');
    expect(Number(await age(cut))).toBeGreaterThanOrEqual(1);
    expect(await age(healthy)).toBeNull();
    // The others go on, and it makes no statement of its own meanwhile.
    await eventually(async () => (await epochAt(healthy)) > last + 1);
    expect(await epochAt(cut)).toBe(last);
    expect((await healthy.send('POST', '/auth/login', { body })).status).toBe(200);
    expect((await rotateAt(healthy)).status).toBe(200);
    gate.open();
    await eventually(async () => (await cut.send('POST', '/auth/login', { body })).status === 200);
    await eventually(async () => (await epochAt(cut)) > last);
  }, 30_000);
});

describe('a look at the database while this very replica goes on', () => {
  it('is no sign of a restored backup', async () => {
    const keySet = auth.app.get(KeySetService, { strict: false });
    const guard = auth.app.get(EpochGuard, { strict: false });
    const { manager } = auth.dataSource;
    // What was read is old by the time that it is judged.
    const slow = {
      query: async (sql: string) => {
        const rows: unknown = await manager.query(sql);
        await keySet.change((keys) => ({ keys, answer: undefined }));
        return rows;
      },
    };
    await expect(guard.refuseOldDatabase(slow as typeof manager)).resolves.toBeDefined();
    expect(guard.databaseWentBack).toBe(false);
  });
});

it('of all that there was: one sequence of epochs, one statement each, and nothing else was ever heard', async () => {
  const issued: { epoch: string; statement: string }[] = await auth.owner.query(
    'SELECT epoch, statement FROM issued ORDER BY epoch',
  );
  const epochs = issued.map(({ epoch }) => Number(epoch));
  expect(epochs.length).toBeGreaterThan(30);
  expect(epochs).toEqual(epochs.map((_, i) => epochs[0]! + i));
  const known = new Set(issued.map(({ statement }) => statement));
  expect(known.size).toBe(issued.length);
  expect(heard.length).toBeGreaterThan(30);
  expect(heard.filter((statement) => !known.has(statement))).toEqual([]);
  expect(verifier.ring.facts().statements.refused).not.toMatchObject({ bad_signature: expect.anything() });
  expect(auth.logged()).not.toContain('restored from an old backup');
});
