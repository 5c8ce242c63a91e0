/** Replaces files and folders by new ones, all or none. */
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError } from '../system/setup-error.js';
import { entriesOf, isThere } from './entries.js';

/** A file or a folder, the new one, and where the old one is kept until all are replaced. */
export interface Swap {
  readonly place: string;
  readonly draft: string;
  readonly aside: string;
}

/** The folders of a swap. They are in the folder whose entries it replaces, so that all are on one disk. */
export const swapFolders = {
  all: (folder: string) => join(folder, 'restoring'),
  drafts: (folder: string) => join(folder, 'restoring/new'),
  old: (folder: string) => join(folder, 'restoring/old'),
};

/** The swaps of these files and folders in a folder. */
export function swapsIn(folder: string, names: readonly string[]): Swap[] {
  return names.map((name) => ({
    place: join(folder, name),
    draft: join(swapFolders.drafts(folder), name),
    aside: join(swapFolders.old(folder), name),
  }));
}

/** Refuses mount points: they cannot be renamed, and must not be emptied. @throws SetupError `bad_argument` */
export function requireOneFileSystem(swaps: readonly Swap[]): void {
  for (const { place } of swaps.filter((swap) => isThere(swap.place)))
    for (const { path, fileSystem } of entriesOf(place))
      if (fileSystem !== statSync(dirname(place)).dev)
        throw new SetupError(
          'bad_argument',
          `${join(place, path)} is on another file system than ${dirname(place)}, so it cannot be replaced. Unmount it first.`,
        );
}

/**
 * Renames all. A link is replaced itself; nothing happens to what is behind it.
 * @throws SetupError `child_failed` if one cannot be renamed. Then all are as they were before.
 */
export function swapAll(swaps: readonly Swap[]): void {
  const replaced = swaps.filter(({ place }) => isThere(place));
  const added = swaps.filter((swap) => !replaced.includes(swap));
  try {
    for (const { aside } of swaps) mkdirSync(dirname(aside), { recursive: true, mode: 0o700 });
    for (const { place, aside } of replaced) renameSync(place, aside);
    for (const { place, draft } of swaps) renameSync(draft, place);
  } catch (cause) {
    removeAll(added.map(({ place }) => place));
    putBack(swaps);
    throw new SetupError(
      'child_failed',
      `The old files cannot be replaced: ${(cause as Error).message}. Nothing has changed.`,
      { cause },
    );
  }
}

/** Takes back a swap that has not finished, also one that was killed. What cannot be put back stays aside. */
export function putBack(swaps: readonly Swap[]): void {
  for (const { place, aside } of swaps) {
    if (!isThere(aside)) continue;
    removeAll([place]);
    renameSync(aside, place);
  }
  removeAll(swaps.map(({ aside }) => dirname(aside)));
}

/** Removes files and folders. Of a link, only the link. */
export function removeAll(paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { recursive: true, force: true });
}
