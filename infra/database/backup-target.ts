/** The new folder of a backup. */
import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { postgresDataParent } from '../local/postgres-home.js';
import { isAlive } from '../process-identity.mjs';
import { projectRoot } from '../project.js';
import { SetupError } from '../system/setup-error.js';
import { isThere } from './entries.js';
import { removeAll } from './swap.js';

/** Refuses a folder that exists, or that a later command would remove or publish. @throws SetupError `bad_argument` */
export function requireNewFolder(stateDir: string, target: string): void {
  const fault = faultOf(stateDir, target);
  if (fault !== undefined) throw new SetupError('bad_argument', `${target} ${fault}.`);
}

function faultOf(stateDir: string, target: string): string | undefined {
  if (isThere(target)) return 'exists already. Name a folder that does not exist';
  if (!existsSync(dirname(target))) return `cannot be made: there is no folder ${dirname(target)}`;
  if (isIn(stateDir, target))
    return 'is in the state folder, which npm run reset removes. Name another folder';
  if (isIn(postgresDataParent(stateDir), target))
    return 'is in the folder of the database, which npm run reset removes. Name another folder';
  if (isIn(projectRoot, target))
    return 'is in the repository: the next commit could have its secrets. Name a folder outside';
  return undefined;
}

/** Compares real paths: the folder of the target may be a link into the other folder. */
function isIn(folder: string, target: string): boolean {
  const path = relative(realpathSync(folder), realpathSync(dirname(target)));
  return path !== '..' && !path.startsWith(`..${sep}`);
}

/**
 * Makes the folder that becomes the target when the backup is complete. Its name has our pid, so that the draft of a backup
 * that was killed is found and removed: it has secrets.
 */
export function makeDraft(target: string): string {
  try {
    removeAll(draftsOfEnded(target));
    const draft = `${target}.draft-${process.pid}`;
    mkdirSync(draft, { mode: 0o700 });
    return draft;
  } catch (cause) {
    throw new SetupError('bad_argument', `${target} cannot be made: ${(cause as Error).message}.`, { cause });
  }
}

function draftsOfEnded(target: string): string[] {
  const prefix = `${basename(target)}.draft-`;
  const isOfEnded = (name: string) => {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    return /^\d+$/.test(pid) && (Number(pid) === process.pid || !isAlive(Number(pid)));
  };
  return readdirSync(dirname(target))
    .filter(isOfEnded)
    .map((name) => join(dirname(target), name));
}
