/**
 * Locks that end with their process. A lock is a folder. A process claims it by a file in the folder, and the name of the
 * file identifies the process. Plain JavaScript, because bootstrap.mjs needs it before there is a build.
 *
 * A process first makes its file, then looks for other files. If another process has a file, this process removes its own
 * file and has no lock. If two processes try at the same time, at least one of them sees the other, so two never get the
 * lock. Possibly none gets it, so callers wait for a random time before they try again.
 *
 * The file of a living process is removed by that process only. The file of a process that has ended can be removed by
 * any process at any time, because no later process has the same name.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginningOf } from './process-identity.mjs';

/**
 * Tries once to claim the folder. Returns a function that ends the claim, or the pid of the process that has the claim or
 * is trying to get it. That can be this process.
 * @param {string} folder
 * @returns {(() => void) | number}
 */
export function tryClaim(folder) {
  const mine = join(folder, nameOf(process.pid));
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(mine, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'EEXIST') return process.pid;
    if (code === 'ENOENT') return tryClaim(folder); // another process has just removed the folder
    throw error;
  }
  const release = () => rmSync(mine, { force: true });
  const other = holderOf(folder, process.pid);
  if (other === undefined) return release;
  release();
  return other;
}

/**
 * Returns the pid of the living process that has the claim or is trying to get it. Removes the files of ended processes.
 * @param {string} folder
 * @param {number} [except] a pid to ignore
 * @returns {number | undefined}
 */
export function holderOf(folder, except) {
  for (const name of namesIn(folder)) {
    const pid = Number.parseInt(name);
    if (pid === except && name === nameOf(pid)) continue;
    if (name === nameOf(pid)) return pid;
    rmSync(join(folder, name), { force: true });
  }
  return undefined;
}

/**
 * A name that no other process ever has. A process that gets the same pid later has another start time.
 * @param {number} pid
 */
function nameOf(pid) {
  return `${pid}-${(beginningOf(pid) ?? 'gone').replaceAll(/\W+/g, '-')}`;
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function namesIn(folder) {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return [];
    throw error;
  }
}
