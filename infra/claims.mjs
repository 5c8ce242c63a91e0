/**
 * Claims of processes on something that only one may use: a folder with a file for each of them, named after its process.
 *
 * A process first announces itself, then looks who else did, and gives way to anybody. Of two that come at once at least
 * one sees the other, so both never get it. Both may give way, hence the random pause before the next attempt. Nobody
 * removes the file of a process that lives. The file of one that is gone can be removed at any time: no later process has
 * its name.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginningOf } from './process-identity.mjs';

/**
 * Tries once. Gives what ends the claim, or the pid of a process that has it or tries to get it; that may be this one.
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
    if (code === 'ENOENT') return tryClaim(folder); // its last user has just removed the folder
    throw error;
  }
  const release = () => rmSync(mine, { force: true });
  const other = holderOf(folder, process.pid);
  if (other === undefined) return release;
  release();
  return other;
}

/**
 * The process that has the claim or tries to get it, if one lives; clears away what others left.
 * @param {string} folder
 * @param {number} [except] a pid that does not count
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
 * A name that no other process ever has: a recycled pid has another beginning.
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
