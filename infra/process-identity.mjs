/** Plain JavaScript, because bootstrap.mjs needs it before there is a build. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * When a process began, in its system's own words; undefined when there is none, or only its unreaped remains.
 * @param {number} pid
 * @returns {string | undefined}
 */
export function beginningOf(pid) {
  if (process.platform !== 'linux') return ps(pid, 'lstart');
  const fields = procStat(pid);
  // Fields 3, 20 and 22 of proc(5). A killed process whose first thread has ended is called a zombie already, while its
  // other threads have yet to end and keep its ports open.
  const hasEnded = fields?.[0] === 'Z' && Number(fields[17]) <= 1;
  return hasEnded ? undefined : fields?.[19];
}

/**
 * Whether a process runs. What nobody reaped, as in a container without an init, does not.
 * @param {number} pid
 */
export const isAlive = (pid) => beginningOf(pid) !== undefined;

/**
 * The name of the program that a process runs; undefined when there is none.
 * @param {number} pid
 * @returns {string | undefined}
 */
export function programOf(pid) {
  if (process.platform !== 'linux') return ps(pid, 'comm');
  return readOrUndefined(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
}

/**
 * The fields after the program's name, which may itself hold blanks and parentheses.
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
  // Two shells may differ in language and time zone, and must read the same beginning.
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
