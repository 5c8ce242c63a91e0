import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MAX_STATEMENT_BYTES, readAnchor } from '#statements';
import { createTestIssuer, createTestKey, fakeClock, published } from '#testing';
import { KeyRing } from './key-ring.js';
import { TrustStore } from './trust-store.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trust-store-'));
});
const stores: TrustStore[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.stop()));
  await rm(folder, { recursive: true, force: true });
});

function setUp() {
  const clock = fakeClock();
  const issuer = createTestIssuer({ clock: clock.now });
  const file = join(folder, 'statement.jwt');
  const log: string[] = [];
  /** Starts a process of the service. */
  async function start(pins = [issuer.anchor]) {
    const anchors = pins.map(({ publicPem }) => readAnchor(publicPem));
    const ring = new KeyRing({ issuer: issuer.issuer, anchors, clock: clock.now });
    const store = new TrustStore({ file, ring, log: (line) => log.push(line), intervalMs: 20 });
    stores.push(store);
    await store.load();
    return { ring, store };
  }
  const names = async (kind: string) => (await readdir(folder)).filter((name) => name.includes(`.${kind}.`));
  const revoked = (sid: string) => issuer.claims({ sid }) as never;
  return { clock, issuer, file, log, start, names, revoked };
}

describe('after a restart', () => {
  test('the ring is as it was: its statement, its keys, and nothing older is accepted', async () => {
    const { issuer, start, log } = setUp();
    const before = await start();
    const old = issuer.statement({ epoch: 41 });
    const last = issuer.statement({ epoch: 42, keys: [published(issuer.standby)] });
    before.ring.accept(old, 'nats');
    before.ring.accept(last, 'nats');
    await before.store.stop();

    const { ring } = await start();
    expect(ring.facts()).toMatchObject({
      ...{ epoch: 42, freshness: 'confirmed', keys: [{ kid: issuer.standby.kid }] },
      statements: { accepted: { file: 1, nats: 0 }, refused: {} },
    });
    expect(ring.accept(old, 'nats')).toBe('old_epoch');
    expect(ring.accept(last, 'nats')).toBeUndefined();
    expect(log).toEqual([]);
  });

  test('what was revoked is still revoked, and a strict route still waits for NATS', async () => {
    const { issuer, start, revoked } = setUp();
    const before = await start();
    before.ring.accept(issuer.statement({ revocations: { from: 1, to: 2 } }), 'nats');
    before.ring.revocations.add(issuer.revocation(1, { sid: 'one' }));
    before.ring.revocations.add(issuer.revocation(2, { sid: 'two' }));
    await before.store.stop();

    const { revocations } = (await start()).ring;
    expect(['one', 'two', 'three'].map((sid) => revocations.revokes(revoked(sid)))).toEqual([
      ...['sid', 'sid', undefined],
    ]);
    expect(revocations.facts()).toMatchObject({ from: 1, to: 2, missing: 0 });
    expect(revocations.isFresh()).toBe(false);
  });

  test('an expired statement serves nothing, and bars older ones all the same', async () => {
    const { clock, issuer, start, log } = setUp();
    const before = await start();
    const old = issuer.statement({ epoch: 7, exp: clock.now() / 1000 + 9_000 });
    before.ring.accept(issuer.statement({ epoch: 8 }), 'nats');
    await before.store.stop();

    clock.advance(901_000);
    const { ring } = await start();
    expect(ring.freshness()).toBe('stale');
    expect(ring.accept(old, 'http')).toBe('old_epoch');
    expect(ring.accept(issuer.statement({ epoch: 9 }), 'nats')).toBeUndefined();
    expect(ring.freshness()).toBe('confirmed');
    expect(log).toEqual([]);
  });

  test('a later pin has closed the earlier', async () => {
    const { issuer, start } = setUp();
    const later = createTestKey();
    const before = await start([issuer.anchor, later]);
    before.ring.accept(issuer.statement({ epoch: 1 }, { signWith: later }), 'nats');
    await before.store.stop();
    const { ring } = await start([issuer.anchor, later]);
    expect(ring.accept(issuer.statement({ epoch: 99 }), 'nats')).toBe('closed_anchor');
  });

  test('a revoked key stays refused, also when statements have long ceased to name it', async () => {
    const { clock, issuer, start, names } = setUp();
    const before = await start();
    const tombstone = { kid: issuer.key.kid, revoked_at: 0, reason: 'compromised' as const };
    before.ring.accept(issuer.statement({ revoked: [tombstone] }), 'nats');
    await before.store.stop();
    // One process sees that the name disappears. The next ones see only what is on the disk.
    const between = await start();
    between.ring.accept(issuer.statement(), 'nats');
    between.ring.accept(issuer.statement(), 'nats');
    await between.store.stop();
    expect(await names('revoked-keys')).toHaveLength(1);
    clock.advance(5_000_000);

    const { ring } = await start();
    ring.accept(issuer.statement(), 'nats');
    expect(ring.find(issuer.key.kid)).toBeUndefined();
    expect(ring.find(issuer.standby.kid)).toBeDefined();
  });

  test('the key that the last statement names as revoked stays refused, too', async () => {
    const { issuer, start } = setUp();
    const before = await start();
    const tombstone = { kid: issuer.key.kid, revoked_at: 0, reason: 'compromised' as const };
    before.ring.accept(issuer.statement({ revoked: [tombstone] }), 'nats');
    await before.store.stop();
    const { ring } = await start();
    ring.accept(issuer.statement(), 'nats');
    expect(ring.find(issuer.key.kid)).toBeUndefined();
  });
});

describe('a statement on disk that', () => {
  const stranger = createTestIssuer();
  test.each([
    ['is junk', 'malformed', () => 'junk'],
    ['is empty', 'malformed', () => ''],
    ['was cut off', 'malformed', (whole: string) => whole.slice(0, -90)],
    ['was forged', 'bad_signature', (whole: string) => `${whole.slice(0, -8)}AAAAAAAA`],
    ['is too large', 'more than 262144 bytes', () => 'x'.repeat(MAX_STATEMENT_BYTES + 1)],
    ['is of another anchor', 'unknown_anchor', () => stranger.statement()],
    ['is of another issuer', 'wrong_issuer', undefined],
  ])('%s counts as absent, is told once, and is replaced', async (_what, reason, content) => {
    const { issuer, file, log, start } = setUp();
    await writeFile(file, content?.(issuer.statement()) ?? issuer.statement({ iss: 'https://other.test' }));
    const { ring, store } = await start();
    expect(ring.freshness()).toBe('empty');
    expect(log).toEqual([`statement.jwt is not used, or not all of it: ${reason}`]);

    const accepted = issuer.statement();
    expect(ring.accept(accepted, 'nats')).toBeUndefined();
    await store.stop();
    expect(await readFile(file, 'utf8')).toBe(accepted);
    expect(log).toHaveLength(1);
  });

  test('cannot be read counts as absent, and that it cannot be written is told once', async () => {
    const { issuer, file, log, start } = setUp();
    await mkdir(file);
    const { ring, store } = await start();
    for (const epoch of [1, 2]) {
      expect(ring.accept(issuer.statement({ epoch }), 'nats')).toBeUndefined();
      await store.stop();
    }
    expect(log).toEqual([
      expect.stringMatching(/^statement.jwt is not used.*not a regular file$/),
      expect.stringMatching(/cannot be written: EISDIR$/),
    ]);
    expect(await readdir(folder)).toEqual(['statement.jwt']);
  });
});

describe('revocations on disk', () => {
  test('are verified one by one: what is not signed is told once, what was cut off is passed over', async () => {
    const { issuer, file, log, start, revoked } = setUp();
    const [good, forged, cut] = [1, 2, 3].map((n) => issuer.revocation(n, { sid: `s${n}` }));
    const lines = `${good}\n${forged!.slice(0, -8)}AAAAAAAA\n${cut!.slice(0, 99)}`;
    await writeFile(`${file}.revocations.3.by-hand`, lines);
    await writeFile(`${file}.revocations.9.large`, 'x'.repeat(2 ** 21));
    const { ring } = await start();
    expect([1, 2, 3].map((n) => ring.revocations.revokes(revoked(`s${n}`)))).toEqual([
      ...['sid', undefined, undefined],
    ]);
    expect(log.sort()).toEqual([
      'statement.jwt.revocations.3.by-hand is not used, or not all of it: bad_signature',
      expect.stringMatching(/^statement.jwt.revocations.9.large is not used.*bytes$/),
    ]);
  });

  test('are written once each, a burst in few files, and not again by the next process', async () => {
    const { issuer, start, names } = setUp();
    const before = await start();
    const all = Array.from({ length: 600 }, (_n, i) => issuer.revocation(i + 1, { sid: `s${i + 1}` }));
    for (const jws of all) before.ring.revocations.add(jws);
    for (const jws of all) before.ring.revocations.add(jws);
    await before.store.stop();
    expect(await names('revocations')).toHaveLength(3);

    const after = await start();
    expect(after.ring.revocations.facts().held.sid).toBe(600);
    for (const jws of all) after.ring.revocations.add(jws);
    await after.store.stop();
    expect(await names('revocations')).toHaveLength(3);
  });

  test('are removed once no statement speaks of them, also those that another replica wrote', async () => {
    const { issuer, start, names } = setUp();
    const [first, second] = [await start(), await start()];
    first.ring.revocations.add(issuer.revocation(1));
    await first.store.stop();
    second.ring.revocations.add(issuer.revocation(2));
    await second.store.stop();
    expect(await names('revocations')).toHaveLength(2);
    first.ring.accept(issuer.statement({ revocations: { from: 2, to: 2 } }), 'nats');
    await first.store.stop();
    expect(await names('revocations')).toEqual([expect.stringMatching(/\.revocations\.2\./)]);
  });

  test('of all replicas are there for each that starts', async () => {
    const { issuer, start, revoked } = setUp();
    const replicas = [await start(), await start(), await start()];
    for (const [i, { ring }] of replicas.entries()) {
      ring.accept(issuer.statement({ epoch: 10 - i }), 'nats');
      ring.revocations.add(issuer.revocation(i + 1, { sid: `s${i}` }));
    }
    await Promise.all(replicas.map(({ store }) => store.stop()));
    const { ring } = await start();
    expect(ring.facts().epoch).toBe(10);
    for (const i of [0, 1, 2]) expect(ring.revocations.revokes(revoked(`s${i}`))).toBe('sid');
  });
});

describe('writing', () => {
  test('that fails is told once and hinders nothing; what is still needed is written when it works again', async () => {
    const { issuer, log, start, file, names } = setUp();
    await rm(folder, { recursive: true });
    const { ring, store } = await start();
    for (const n of [1, 2]) {
      expect(ring.accept(issuer.statement(), 'nats')).toBeUndefined();
      expect(ring.revocations.add(issuer.revocation(n, { sid: `s${n}` }))).toBeUndefined();
      await store.stop();
    }
    expect(log).toEqual([expect.stringMatching(/cannot be written: ENOENT$/)]);

    await mkdir(folder);
    const last = issuer.statement();
    ring.accept(last, 'nats');
    await store.stop();
    expect(await readFile(file, 'utf8')).toBe(last);
    expect(await names('revocations')).toHaveLength(1);
    expect(log.slice(1)).toEqual([`the statement file ${file} can be written again`]);
  });

  test('happens by itself, without waiting for the end of the process', async () => {
    const { issuer, start, file } = setUp();
    const { ring } = await start();
    const written = async () => {
      for (;;) {
        const text = await readFile(file, 'utf8').catch(() => undefined);
        if (text !== undefined) return text;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const last = issuer.statement();
    ring.accept(last, 'nats');
    expect(await written()).toBe(last);
  });
});
