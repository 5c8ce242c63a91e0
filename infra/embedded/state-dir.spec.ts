import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  claimStateDir,
  isStamped,
  liveLauncher,
  readRunning,
  type RunningFile,
  stamp,
  statePaths,
  writeRunning,
} from './state-dir.js';

describe('the state folder', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'test-state-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('belongs to one launcher at a time', () => {
    const letGo = claimStateDir(dir);
    expect(liveLauncher(dir)).toBe(process.pid);
    expect(() => claimStateDir(dir)).toThrow(expect.objectContaining({ code: 'already_running' }));
    letGo();
    expect(liveLauncher(dir)).toBeUndefined();
    claimStateDir(dir)();
  });

  it.each([
    ['a process that is gone', JSON.stringify({ pid: 2 ** 22 - 1, began: '1' })],
    ['a process that has its number by chance', JSON.stringify({ pid: process.pid, began: 'another time' })],
    ['a claim cut off by a crash', '{"pid": 12'],
  ])('is free when the claim is of %s', (_, claim) => {
    writeFileSync(statePaths.launcher(dir), claim);
    writeRunning(dir, { pid: 1 } as RunningFile);
    expect(readRunning(dir)).toBeUndefined();
    claimStateDir(dir);
    expect(liveLauncher(dir)).toBe(process.pid);
    expect(readRunning(dir)).toBeUndefined();
  });

  it('remembers for what work was done', () => {
    expect(isStamped(dir, 'auth', 'a')).toBe(false);
    stamp(dir, 'auth', 'a');
    expect([isStamped(dir, 'auth', 'a'), isStamped(dir, 'auth', 'b'), isStamped(dir, 'orders', 'a')]).toEqual(
      [true, false, false],
    );
  });
});
