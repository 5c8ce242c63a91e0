/**
 * The reaper: a small process that outlives its launcher, then ends the processes that the launcher has left and removes
 * its temporary folders. It reads lines from a pipe that only the launcher holds:
 *
 *   + <pid> <signal>   a process has started, and this signal asks it to end
 *   - <pid>            this process has ended
 *   rm <folder>        remove this folder at the end
 *
 * When the pipe closes, each process on the list gets its signal. After at most five seconds, the process groups that still
 * run get SIGKILL. Then the folders are removed.
 */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

const graceMs = 5_000;
const children = new Map<number, NodeJS.Signals>();
const folders: string[] = [];

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const [operation, pid, signal] = line.split(' ');
  if (operation === '+') children.set(Number(pid), (signal ?? 'SIGTERM') as NodeJS.Signals);
  if (operation === '-') children.delete(Number(pid));
  if (operation === 'rm') folders.push(line.slice('rm '.length));
});
lines.on('close', () => {
  for (const [pid, signal] of children) send(pid, signal);
  const deadline = Date.now() + graceMs;
  const poll = setInterval(() => {
    const alive = [...children.keys()].filter((pid) => send(pid, 0));
    if (alive.length > 0 && Date.now() < deadline) return;
    clearInterval(poll);
    for (const pid of alive) send(-pid, 'SIGKILL');
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }, 50);
});

/** Sends a signal. Returns false if there is no such process. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
