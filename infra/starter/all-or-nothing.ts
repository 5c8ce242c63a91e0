import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { interruptible } from '../interruption.js';
import { SetupError } from '../system/setup-error.js';

interface Change {
  /** The folder to which all paths are relative. */
  readonly root: string;
  /** The new content of each file, by its path. Null removes the file. */
  readonly files: Readonly<Record<string, string | Buffer | null>>;
  /** Files that `finish` writes or removes. */
  readonly alsoWritten: readonly string[];
  /** What must succeed after the files are written. The signal aborts if the process is told to end. */
  readonly finish: (signal: AbortSignal) => Promise<void>;
}

/** A file, or a link with its target. A null content: there is none. */
interface Entry {
  readonly path: string;
  readonly content: Buffer | string | null;
  readonly mode?: number;
  readonly linkTo?: string;
}

/**
 * Writes and removes files, then finishes. If something fails, or SIGINT, SIGTERM or SIGHUP comes, every file is as it was
 * before. Folders that are empty at the end are removed.
 * @throws whatever `finish` throws · SetupError `child_failed` after a signal
 */
export async function writeAllOrNothing({ root, files, alsoWritten, finish }: Change): Promise<void> {
  const paths = [...new Set([...Object.keys(files), ...alsoWritten])];
  const before = paths.map((path) => fileAt(root, path));
  await interruptible(async (signal) => {
    try {
      for (const [path, content] of Object.entries(files)) put(root, { path, content });
      await finish(signal);
      signal.throwIfAborted();
    } catch (error) {
      putBack(root, before);
      signal.throwIfAborted();
      throw error;
    }
  });
}

function fileAt(root: string, path: string): Entry {
  const full = join(root, path);
  const found = lstatSync(full, { throwIfNoEntry: false });
  if (!found) return { path, content: null };
  if (found.isSymbolicLink()) return { path, content: null, linkTo: readlinkSync(full) };
  return { path, content: readFileSync(full), mode: found.mode };
}

/** @throws SetupError `child_failed` with the files that could not be put back, after all others were */
function putBack(root: string, entries: readonly Entry[]): void {
  const left = entries.filter((entry) => {
    try {
      put(root, entry);
      return false;
    } catch {
      return true;
    }
  });
  if (left.length > 0)
    throw new SetupError(
      'child_failed',
      `These files could not be put back: ${left.map(({ path }) => path).join(', ')}`,
    );
}

function put(root: string, { path, content, mode, linkTo }: Entry): void {
  const full = join(root, path);
  const found = lstatSync(full, { throwIfNoEntry: false });
  // Never through a link: what it leads to is not ours.
  if (content === null || found?.isSymbolicLink()) rmSync(full, { force: true });
  if (content === null && linkTo === undefined) return removeEmptyFolders(root, dirname(path));
  mkdirSync(dirname(full), { recursive: true });
  if (linkTo !== undefined) symlinkSync(linkTo, full);
  else writeFileSync(full, content!, { mode });
}

/** Removes a folder if it is empty, and then the folders around it, up to the root. */
function removeEmptyFolders(root: string, folder: string): void {
  try {
    for (let path = folder; path !== '.'; path = dirname(path)) rmdirSync(join(root, path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT' && code !== 'EEXIST') throw error;
  }
}
