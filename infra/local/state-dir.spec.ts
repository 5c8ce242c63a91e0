import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '../process-identity.mjs';
import {
  claimStateDir,
  endLeftovers,
  isNewStateDir,
  isStamped,
  liveLauncher,
  readRunning,
  recordChildren,
  removeStateDir,
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

  it('belongs to one launcher at a time', async () => {
    const letGo = await claimStateDir(dir);
    expect(liveLauncher(dir)).toBe(process.pid);
    writeRunning(dir, { issuer: 'http://localhost:3000' } as RunningFile);
    await expect(claimStateDir(dir)).rejects.toMatchObject({
      code: 'already_running',
      message: expect.stringContaining(`process ${process.pid}, http://localhost:3000`),
    });
    letGo();
    expect(liveLauncher(dir)).toBeUndefined();
    expect(existsSync(statePaths.running(dir))).toBe(false);
    (await claimStateDir(dir))();
  });

  it('is free after its launcher has ended, and its running.json is ignored', async () => {
    mkdirSync(statePaths.launchers(dir));
    writeFileSync(join(statePaths.launchers(dir), `${2 ** 22 - 1}-1`), '');
    writeRunning(dir, { pid: 1 } as RunningFile);
    expect(readRunning(dir)).toBeUndefined();
    await claimStateDir(dir);
    expect(liveLauncher(dir)).toBe(process.pid);
    expect(readRunning(dir)).toBeUndefined();
  });

  it('is new while it holds only a claim, and is removed completely', async () => {
    const letGo = await claimStateDir(dir);
    expect(isNewStateDir(dir)).toBe(true);
    stamp(dir, 'auth', 'a');
    expect(isNewStateDir(dir)).toBe(false);
    removeStateDir(dir, letGo);
    expect(existsSync(dir)).toBe(false);
  });

  it('is removed through a link, with the link, but not what its own links lead to', async () => {
    const state = join(dir, 'state');
    const link = join(dir, 'link');
    mkdirSync(state);
    mkdirSync(join(dir, 'elsewhere'));
    symlinkSync(state, link);
    symlinkSync(join(dir, 'elsewhere'), join(state, 'public'));
    removeStateDir(link, await claimStateDir(link));
    expect(readdirSync(dir)).toEqual(['elsewhere']);
  });

  it('stays if another process claims it while it is removed', async () => {
    const letGo = await claimStateDir(dir);
    const other = join(statePaths.launchers(dir), '1-1');
    removeStateDir(dir, () => {
      letGo();
      writeFileSync(other, '');
    });
    expect(existsSync(other)).toBe(true);
  });

  it('kills the recorded children that still run, and ignores the ones that have ended', async () => {
    const [gone, running] = [1, 2].map(() =>
      spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { detached: true }),
    );
    recordChildren(dir, [gone!.pid!, running!.pid!]);
    const ended = once(gone!, 'exit');
    gone!.kill('SIGKILL');
    await ended;
    expect(await endLeftovers(dir)).toBe(1);
    expect(isAlive(running!.pid!)).toBe(false);
    // It is reaped as well. PostgreSQL would take a process in its lock file that was not reaped for a running one.
    expect(() => process.kill(running!.pid!, 0)).toThrow('ESRCH');
  });

  it('remembers the digest of each work', () => {
    expect(isStamped(dir, 'auth', 'a')).toBe(false);
    stamp(dir, 'auth', 'a');
    expect([isStamped(dir, 'auth', 'a'), isStamped(dir, 'auth', 'b'), isStamped(dir, 'orders', 'a')]).toEqual(
      [true, false, false],
    );
  });
});
