import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { projectRoot } from '../project.js';

let pipe: Writable | undefined;

/**
 * Writes one line to the reaper of this process (`reaper.ts`). The first call starts the reaper. When this process ends,
 * even by `kill -9`, the pipe closes, and the reaper begins its work.
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
  reaper.stdin.on('error', () => undefined); // without a reaper, `stop` still ends the children
  reaper.unref();
  (reaper.stdin as Writable & { unref(): void }).unref();
  return reaper.stdin;
}
