import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { projectRoot } from '../project.js';

let pipe: Writable | undefined;

/**
 * Writes one line to this process's reaper (see `reaper.ts`), starting it at the first call. The pipe closes when
 * this process ends in whatever way, `kill -9` included, and that is the reaper's cue.
 */
export function tellReaper(line: string): void {
  pipe ??= startReaper();
  pipe.write(`${line}\n`);
}

function startReaper(): Writable {
  const program = join(projectRoot, 'dist/infra/local/reaper.js');
  const reaper = spawn(process.execPath, [program], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
  });
  reaper.on('error', () => undefined);
  reaper.stdin.on('error', () => undefined); // without a reaper the children still end by `stop`
  reaper.unref();
  (reaper.stdin as Writable & { unref(): void }).unref();
  return reaper.stdin;
}
