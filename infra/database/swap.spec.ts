import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putBack, requireOneFileSystem, swapAll, swapFolders, swapsIn } from './swap.js';

describe('replacing all files or none', () => {
  let dir: string;
  const names = ['a', 'b', 'new'];
  const contents = () =>
    readdirSync(dir)
      .filter((name) => names.includes(name))
      .map((name) => readFileSync(join(dir, name), 'utf8'));

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'test-swap-'));
    mkdirSync(swapFolders.drafts(dir), { recursive: true });
    for (const name of ['a', 'b']) writeFileSync(join(dir, name), `old ${name}`);
    for (const name of names) writeFileSync(join(swapFolders.drafts(dir), name), `next ${name}`);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('replaces each, and can take all back', () => {
    const swaps = swapsIn(dir, names);
    swapAll(swaps);
    expect(contents()).toEqual(['next a', 'next b', 'next new']);
    putBack(swaps);
    expect(contents()).toEqual(['old a', 'old b', 'next new']);
  });

  it.each(['a', 'b'])('leaves all as they were if one cannot be renamed: %s', (broken) => {
    rmSync(join(swapFolders.drafts(dir), broken));
    const order = ['new', 'a', 'b'];
    expect(() => swapAll(swapsIn(dir, order))).toThrow(/cannot be replaced: ENOENT.* Nothing has changed\.$/);
    expect(contents()).toEqual(['old a', 'old b']);
    expect(existsSync(swapFolders.old(dir))).toBe(false);
  });

  it('never loses what it cannot put back', () => {
    const swaps = swapsIn(dir, ['a']);
    swapAll(swaps);
    expect(() => putBack(swaps.map((swap) => ({ ...swap, place: join(dir, 'nowhere/a') })))).toThrow(
      'ENOENT',
    );
    expect(readFileSync(swaps[0]!.aside, 'utf8')).toBe('old a');
  });

  it('refuses a mount point', () => {
    const dev = swapsIn('/', ['dev']); // a file system of its own on Linux and on macOS
    expect(() => requireOneFileSystem(dev)).toThrow(/^\/dev is on another file system than \/, /);
    expect(() => requireOneFileSystem(swapsIn(dir, [...names, 'none']))).not.toThrow();
  });
});
