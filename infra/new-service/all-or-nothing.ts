import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError } from '../system/setup-error.js';

interface Change {
  /** The folder to which all paths are relative. */
  readonly root: string;
  /** The new text of each file, by its path. */
  readonly files: Readonly<Record<string, string>>;
  /** Files that `finish` writes. */
  readonly alsoWritten: readonly string[];
  /** A folder that does not exist yet. It holds all new files. */
  readonly newFolder: string;
  /** What must succeed after the files are written. The signal aborts if the process is told to end. */
  readonly finish: (signal: AbortSignal) => Promise<void>;
}

/**
 * Writes files, then finishes. If something fails, or SIGINT, SIGTERM or SIGHUP comes, every file is as it was before.
 * @throws whatever `finish` throws · SetupError `child_failed` after a signal
 */
export async function writeAllOrNothing({
  root,
  files,
  alsoWritten,
  newFolder,
  finish,
}: Change): Promise<void> {
  const before = [...Object.keys(files), ...alsoWritten]
    .filter((path) => existsSync(join(root, path)))
    .map((path) => [path, readFileSync(join(root, path))] as const);
  const ending = new AbortController();
  const end = () =>
    ending.abort(new SetupError('child_failed', 'Interrupted. Everything is as it was before.'));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, end);
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    await finish(ending.signal);
    ending.signal.throwIfAborted();
  } catch (error) {
    rmSync(join(root, newFolder), { recursive: true, force: true });
    for (const [path, content] of before) writeFileSync(join(root, path), content);
    ending.signal.throwIfAborted();
    throw error;
  } finally {
    for (const signal of signals) process.off(signal, end);
  }
}
