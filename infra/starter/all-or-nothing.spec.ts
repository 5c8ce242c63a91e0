import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAllOrNothing } from './all-or-nothing.js';

describe('writing all files or none', () => {
  let root: string;
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  const write = (finish: (signal: AbortSignal) => Promise<void>) =>
    writeAllOrNothing({
      root,
      files: { 'new/deep/a': 'a', old: 'changed', 'gone/b': null },
      alsoWritten: ['made', 'not-there'],
      finish,
    });

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'test-all-or-nothing-'));
    mkdirSync(join(root, 'gone'));
    for (const path of ['old', 'made', 'gone/b']) writeFileSync(join(root, path), `${path} before`);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('leaves everything when it has finished', async () => {
    await write(async () => writeFileSync(join(root, 'made'), 'made again'));
    expect(['new/deep/a', 'old', 'made'].map(read)).toEqual(['a', 'changed', 'made again']);
    expect(existsSync(join(root, 'gone'))).toBe(false);
  });

  it.each([
    ['it fails', async () => Promise.reject(new Error('no')), 'no'],
    [
      'a signal comes',
      (signal: AbortSignal) =>
        new Promise<void>((done) => {
          signal.addEventListener('abort', () => done());
          process.emit('SIGTERM', 'SIGTERM');
        }),
      'Interrupted. Everything is as it was before.',
    ],
  ])('puts everything back when %s', async (_what, end, message) => {
    const listeners = process.listenerCount('SIGTERM');
    const written = write(async (signal) => {
      expect(read('old')).toBe('changed');
      writeFileSync(join(root, 'made'), 'made again');
      await end(signal);
    });
    await expect(written).rejects.toThrow(message);
    expect(existsSync(join(root, 'new'))).toBe(false);
    expect(['old', 'made', 'gone/b'].map(read)).toEqual(['old before', 'made before', 'gone/b before']);
    expect(process.listenerCount('SIGTERM')).toBe(listeners);
  });

  it('removes a link, and puts it back, and leaves what is behind it', async () => {
    const [outside, link] = [join(root, 'outside'), join(root, 'gone/link')];
    writeFileSync(outside, 'not ours');
    symlinkSync('../outside', link);
    const change = (finish: () => Promise<void>) =>
      writeAllOrNothing({ root, files: { 'gone/link': null, 'gone/b': null }, alsoWritten: [], finish });
    await expect(change(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect([readlinkSync(link), read('gone/link'), read('gone/b')]).toEqual([
      '../outside',
      'not ours',
      'gone/b before',
    ]);
    await change(async () => undefined);
    expect([existsSync(join(root, 'gone')), read('outside')]).toEqual([false, 'not ours']);
  });

  it('does not write through a link', async () => {
    writeFileSync(join(root, 'outside'), 'not ours');
    rmSync(join(root, 'old'));
    symlinkSync('outside', join(root, 'old'));
    await write(async () => undefined);
    expect([read('old'), read('outside')]).toEqual(['changed', 'not ours']);
  });
});
