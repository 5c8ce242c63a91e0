/** Tells processes apart, although pids are used again. Plain JavaScript, because bootstrap.mjs needs it before a build. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * When a process began, in the format of the operating system. Undefined if there is no such process, or if it has ended
 * and its parent has not reaped it yet.
 * @param {number} pid
 * @returns {string | undefined}
 */
export function beginningOf(pid) {
  if (process.platform !== 'linux') return ps(pid, 'lstart');
  const fields = procStat(pid);
  // Fields 3, 20 and 22 of proc(5). A killed process is called a zombie (Z) as soon as its first thread has ended. Its
  // other threads may still run and keep its ports open, so the number of threads counts as well.
  const hasEnded = fields?.[0] === 'Z' && Number(fields[17]) <= 1;
  return hasEnded ? undefined : fields?.[19];
}

/**
 * True if a process runs. A process that has ended and was not reaped does not run (in a container without an init).
 * @param {number} pid
 */
export const isAlive = (pid) => beginningOf(pid) !== undefined;

/**
 * The name of the program that a process runs. Undefined if there is no such process.
 * @param {number} pid
 * @returns {string | undefined}
 */
export function programOf(pid) {
  if (process.platform !== 'linux') return ps(pid, 'comm');
  return readOrUndefined(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
}

/**
 * The fields after the name of the program. The name itself can contain spaces and parentheses.
 * @param {number} pid
 */
function procStat(pid) {
  const stat = readOrUndefined(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/**
 * @param {number} pid
 * @param {string} field
 */
function ps(pid, field) {
  // The language and the time zone of a shell must not change the answer.
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
  return readOrUndefined(() => {
    const args = ['-o', `${field}=`, '-p', String(pid)];
    const output = execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env });
    return output.trim() || undefined;
  });
}

/**
 * @template T
 * @param {() => T} read
 */
function readOrUndefined(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}
