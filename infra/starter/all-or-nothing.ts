import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

/** A file before the change. A null content: there was none. */
interface Before {
  readonly path: string;
  readonly content: Buffer | null;
  readonly mode: number | undefined;
}

/**
 * Writes and removes files, then finishes. If something fails, or SIGINT, SIGTERM or SIGHUP comes, every file is as it was
 * before. Folders that are empty at the end are removed.
 * @throws whatever `finish` throws · SetupError `child_failed` after a signal
 */
export async function writeAllOrNothing({ root, files, alsoWritten, finish }: Change): Promise<void> {
  const paths = [...new Set([...Object.keys(files), ...alsoWritten])];
  const before = paths.map((path) => fileAt(root, path));
  const ending = new AbortController();
  const end = () =>
    ending.abort(new SetupError('child_failed', 'Interrupted. Everything is as it was before.'));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, end);
  try {
    for (const [path, content] of Object.entries(files)) put(root, { path, content });
    await finish(ending.signal);
    ending.signal.throwIfAborted();
  } catch (error) {
    for (const file of before) put(root, file);
    ending.signal.throwIfAborted();
    throw error;
  } finally {
    for (const signal of signals) process.off(signal, end);
  }
}

function fileAt(root: string, path: string): Before {
  const full = join(root, path);
  if (!existsSync(full)) return { path, content: null, mode: undefined };
  return { path, content: readFileSync(full), mode: statSync(full).mode };
}

function put(
  root: string,
  { path, content, mode }: { path: string; content: Buffer | string | null; mode?: number | undefined },
): void {
  const full = join(root, path);
  if (content === null) {
    rmSync(full, { force: true });
    removeEmptyFolders(root, dirname(path));
  } else {
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content, { mode });
  }
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
