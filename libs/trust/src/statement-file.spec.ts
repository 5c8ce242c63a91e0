import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import * as nodeFiles from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MAX_STATEMENT_BYTES, readAnchor, verifyKeySetStatement } from '#statements';
import { createTestIssuer, createTestKey } from '#testing';
import { readBounded, StatementFile, type Files } from './statement-file.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'statement-file-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function setUp() {
  const issuer = createTestIssuer();
  const later = createTestKey();
  const path = join(folder, 'statement.jwt');
  const anchors = [issuer.anchor, later].map(({ publicPem }) => readAnchor(publicPem));
  const facts = { issuer: issuer.issuer, anchors };
  const statement = (epoch: number, signing = {}) =>
    verifyKeySetStatement(issuer.statement({ epoch }, signing), { ...facts, now: 0 });
  return {
    ...{ issuer, later, path, statement },
    writer: (files?: Files) => new StatementFile({ path, ...facts, ...(files && { files }) }),
    epoch: async () => verifyKeySetStatement(await readFile(path, 'utf8'), { ...facts, now: 0 }).epoch,
  };
}

test('a greater epoch replaces the file; the same and a lower one leave it as it is', async () => {
  const { writer, statement, epoch, path } = setUp();
  const file = writer();
  for (const [offered, held] of [
    [5, 5],
    [7, 7],
    [6, 7],
    [7, 7],
  ] as const) {
    await file.replace(statement(offered));
    expect(await epoch()).toBe(held);
    // A writer that has never seen the file does not replace it either.
    await writer().replace(statement(offered - 1));
    expect(await epoch()).toBe(held);
  }
  expect(await readdir(folder)).toEqual(['statement.jwt']);
  expect((await nodeFiles.stat(path)).mode & 0o777).toBe(0o600);
});

test('a later pin replaces the file with a lower epoch, and the earlier pin does not come back', async () => {
  const { writer, statement, epoch, later } = setUp();
  await writer().replace(statement(100));
  await writer().replace(statement(3, { signWith: later }));
  await writer().replace(statement(101));
  expect(await epoch()).toBe(3);
});

test.each([
  ['junk', () => 'junk'],
  ['nothing', () => ''],
  ['more bytes than any statement', () => 'x'.repeat(MAX_STATEMENT_BYTES + 1)],
  ['the statement of another anchor', () => createTestIssuer().statement({ epoch: 900 })],
])('a file with %s is replaced', async (_what, content) => {
  const { writer, statement, epoch, path } = setUp();
  await writeFile(path, content());
  await writer().replace(statement(1));
  expect(await epoch()).toBe(1);
});

test('the draft of a writer that was killed bars nobody and is removed', async () => {
  const { writer, statement, epoch, issuer, path } = setUp();
  await writeFile(`${path}.draft.${issuer.anchor.kid}.4.left-behind`, 'half a statem');
  await writer().replace(statement(5));
  expect(await epoch()).toBe(5);
  expect(await readdir(folder)).toEqual(['statement.jwt']);
});

test('a draft of a greater epoch bars a writer while it is young, and no longer', async () => {
  const { writer, statement, epoch, issuer, path } = setUp();
  await writer().replace(statement(1));
  const draft = `${path}.draft.${issuer.anchor.kid}.9007199254740991.made-up`;
  await writeFile(draft, 'no statement');
  await writer().replace(statement(2));
  expect(await epoch()).toBe(1);
  for (const seconds of [-61, 61]) {
    await writeFile(draft, 'no statement');
    const when = Date.now() / 1000 + seconds;
    await nodeFiles.utimes(draft, when, when);
    await writer().replace(statement((await epoch()) + 1));
  }
  expect(await epoch()).toBe(3);
  expect(await readdir(folder)).toEqual(['statement.jwt']);
});

test.each([
  ['a pipe', (path: string) => promisify(execFile)('mkfifo', [path])],
  ['a folder', (path: string) => nodeFiles.mkdir(path)],
])('%s in the place of the file is not read, and nobody waits for it', async (_what, make) => {
  const path = join(folder, 'statement.jwt');
  await make(path);
  await expect(readBounded(path, 100)).rejects.toThrow('not a regular file');
});

describe('two writers at once: the file never goes back in epoch', () => {
  /** The file functions of one writer. It stops before call number `at` until the test releases it. */
  function pausing(at: number) {
    let calls = 0;
    let goOn!: () => void;
    const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
    let paused!: () => void;
    const isPaused = new Promise<void>((resolve) => (paused = resolve));
    const before = async () => {
      calls += 1;
      if (calls !== at) return;
      paused();
      await mayGoOn;
    };
    const wrap = <F extends (...args: never[]) => Promise<unknown>>(call: F) =>
      (async (...args: Parameters<F>) => {
        await before();
        return call(...args);
      }) as unknown as F;
    const { open, readdir, rename, rm, stat } = nodeFiles;
    const files: Files = {
      open: wrap(open as never),
      readdir: wrap(readdir as never),
      rename: wrap(rename as never),
      rm: wrap(rm as never),
      stat: wrap(stat as never),
    };
    return { files, isPaused, goOn, calls: () => calls };
  }

  async function countCalls(): Promise<number> {
    const { writer, statement } = setUp();
    const counting = pausing(0);
    await writer().replace(statement(1));
    await writer(counting.files).replace(statement(2));
    await rm(join(folder, 'statement.jwt'));
    return counting.calls();
  }

  test.each([
    ['the older', 11, 12],
    ['the newer', 12, 11],
  ])('%s is paused before each of its steps while the other runs to its end', async (_who, slow, fast) => {
    const steps = await countCalls();
    expect(steps).toBeGreaterThanOrEqual(6);
    for (let at = 1; at <= steps; at += 1) {
      const { writer, statement, epoch, path } = setUp();
      await writer().replace(statement(10));
      const { files, isPaused, goOn } = pausing(at);
      const slowly = writer(files).replace(statement(slow));
      // After another writer, a writer may have fewer steps.
      await Promise.race([isPaused, slowly]);
      await writer().replace(statement(fast));
      const between = await epoch();
      goOn();
      await slowly;
      expect({ at, back: (await epoch()) < between }).toEqual({ at, back: false });
      // The slow writer may have kept the newer statement from the disk, until the next statement.
      await writer().replace(statement(13));
      expect({ at, epoch: await epoch(), names: await readdir(folder) }).toEqual({
        ...{ at, epoch: 13, names: ['statement.jwt'] },
      });
      await rm(path);
    }
  });
});
