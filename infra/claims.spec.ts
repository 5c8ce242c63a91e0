import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { holderOf, tryClaim } from './claims.mjs';

/** Takes the claim several times, and fails if another process has it too. The last time, it ends without releasing. */
const contender = `
  import { rmSync, writeFileSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  const [, module, folder, held, rounds] = process.argv;
  const { tryClaim } = await import(module);
  for (let round = 1; round <= Number(rounds); ) {
    const claim = tryClaim(folder);
    if (typeof claim === 'function') {
      writeFileSync(held, '', { flag: 'wx' }); // fails when another has the claim too
      await sleep(1);
      rmSync(held);
      if (round < Number(rounds)) claim();
      round += 1;
    }
    await sleep(Math.random() * 4);
  }`;

describe('a claim', () => {
  let dir: string;
  const folder = () => join(dir, 'claims');
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'test-claims-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('belongs to one process at a time, when all try at once and each ends without releasing it', async () => {
    const module = new URL('claims.mjs', import.meta.url).href;
    const args = ['--input-type=module', '-e', contender, module, folder(), join(dir, 'held'), '60'];
    await Promise.all([1, 2, 3].map(() => promisify(execFile)(process.execPath, args)));
    expect(holderOf(folder())).toBeUndefined();
  });

  it('names the process that has it, and is free after that process has released it', () => {
    const letGo = tryClaim(folder()) as () => void;
    expect(holderOf(folder())).toBe(process.pid);
    expect(tryClaim(folder())).toBe(process.pid);
    letGo();
    expect(holderOf(folder())).toBeUndefined();
    expect(tryClaim(folder())).toEqual(expect.any(Function));
  });

  it.each([
    ['a process that has ended', `${2 ** 22 - 1}-1`],
    ['an ended process whose pid another process has now', `${process.pid}-1`],
    ['no process', 'x'],
  ])('of %s does not count and is removed', (_, name) => {
    tryClaim(folder());
    writeFileSync(join(folder(), name), '');
    expect(holderOf(folder())).toBe(process.pid);
    expect(holderOf(folder(), process.pid)).toBeUndefined();
    expect(readdirSync(folder())).not.toContain(name);
  });
});
