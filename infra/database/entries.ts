import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A path below a folder, and the number of its file system. A `strange` one is for example a link or a device. */
interface Entry {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'strange';
  readonly fileSystem: number;
}

/** Everything at a path below a folder. A folder comes before what is in it. No link is followed. */
export function* entriesOf(folder: string, path = ''): Generator<Entry> {
  const stats = lstatSync(join(folder, path));
  const kind = stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'strange';
  yield { path, kind, fileSystem: stats.dev };
  if (kind !== 'folder') return;
  for (const name of readdirSync(join(folder, path))) yield* entriesOf(folder, join(path, name));
}

/** True also for a link to nothing. */
export function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
