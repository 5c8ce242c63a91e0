/** Restores a backup (backup-format.ts) into a state folder whose system is stopped. */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { interruptible } from '../interruption.js';
import { type PostgresHome, preparePostgresHome } from '../local/postgres-home.js';
import { requireStateDir } from '../local/require-state-dir.js';
import { clearStamps, statePaths } from '../local/state-dir.js';
import { secretPaths } from '../system/secrets.js';
import { services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import { unpack } from './archive.js';
import { archives, idFile, inOneLine, leftOut, secretParts } from './backup-format.js';
import { entriesOf, isThere } from './entries.js';
import { withStopped } from './state-postgres.js';
import { putBack, removeAll, requireOneFileSystem, swapAll, swapFolders, swapsIn } from './swap.js';

const run = promisify(execFile);

/** The name of the database cluster in its folder. */
const cluster = 'data';
const parts = ['database', 'secrets'] as const;

/** The folders into which the archives are unpacked. */
type Drafts = Readonly<Record<(typeof parts)[number], string>>;

/**
 * Puts the database and the secrets of a backup into a state folder. A restore that was killed can be repeated.
 *
 * @returns whether the folder has a proof of what auth has published
 * @throws SetupError `bad_argument` if this is no backup, or of another PostgreSQL, if this is no state folder, or if it has
 * a system and `force` is false · `already_running` · `child_failed` if an archive is damaged, if a file cannot be replaced,
 * or after a signal. Then nothing has changed.
 */
export async function restore(
  stateDir: string,
  source: string,
  { force }: { force: boolean },
): Promise<{ hasProof: boolean }> {
  requireStateDir(stateDir);
  for (const archive of Object.values(archives)) requireFile(source, archive);
  return interruptible((signal) =>
    withStopped(stateDir, async () => {
      try {
        await replaceAll(stateDir, source, { force, signal });
        return { hasProof: hasProof(stateDir) };
      } catch (error) {
        throw inOneLine(error, `${source} cannot be restored`);
      }
    }),
  );
}

/** Unpacks and checks everything first, so that a bad backup changes nothing. */
async function replaceAll(
  stateDir: string,
  source: string,
  { force, signal }: { force: boolean; signal: AbortSignal },
): Promise<void> {
  const home = preparePostgresHome(stateDir);
  const folders = [home.dataParent, stateDir];
  const swaps = [...swapsIn(home.dataParent, [cluster]), ...swapsIn(stateDir, secretParts)];
  const old = swapFolders.old(stateDir);
  if (isThere(old)) putBack(swaps); // of a restore that was killed before all was replaced
  removeAll(folders.map(swapFolders.all));
  if (!force && swaps.some(({ place }) => isThere(place)))
    throw new SetupError(
      'bad_argument',
      `${stateDir} has a system. To replace its database and its secrets: --force`,
    );
  requireOneFileSystem(swaps);
  try {
    const drafts = {
      database: join(swapFolders.drafts(home.dataParent), cluster),
      secrets: swapFolders.drafts(stateDir),
    };
    await unpackAll(source, drafts, { home, signal });
    keepProofs(stateDir, drafts.secrets);
    clearStamps(stateDir);
    swapAll(swaps);
    renameSync(old, `${old}.done`); // from here on, the old state must not come back
  } finally {
    if (!isThere(old)) removeAll(folders.map(swapFolders.all)); // the old state is there if it could not be put back
  }
}

async function unpackAll(
  source: string,
  drafts: Drafts,
  { home, signal }: { home: PostgresHome; signal: AbortSignal },
): Promise<void> {
  for (const part of parts) {
    await unpack(join(source, archives[part]), drafts[part], { without: leftOut[part], signal });
    makePrivate(drafts[part], archives[part], part === 'database' ? home.user : undefined);
  }
  await requireSameVersion(home, drafts.database);
  requireSecrets(drafts.secrets);
  requireOneBackup(drafts);
  signal.throwIfAborted();
}

/**
 * Refuses links, devices and pipes: through a link, a file outside could be changed. Lets one user alone read the rest. Root
 * gives the cluster to the user who runs PostgreSQL.
 */
function makePrivate(draft: string, archive: string, user: PostgresHome['user']): void {
  for (const { path, kind } of entriesOf(draft)) {
    if (kind === 'strange') throw noBackup(archive, `has ${path}, which is neither a file nor a folder`);
    chmodSync(join(draft, path), kind === 'folder' ? 0o700 : 0o600);
    if (user) lchownSync(join(draft, path), user.uid, user.gid);
  }
}

async function requireSameVersion(home: PostgresHome, draft: string): Promise<void> {
  const has = textOf(join(draft, 'PG_VERSION')) ?? 'none';
  const { stdout } = await run(join(home.bin, 'postgres'), ['--version'], { timeout: 10_000 });
  const needs = /(\d+)\./.exec(stdout)?.[1];
  if (has === needs) return;
  throw new SetupError(
    'bad_argument',
    `The database of this backup is of PostgreSQL ${has}, and this is PostgreSQL ${needs}. Restore it with the version of the repository that made it.`,
  );
}

function requireSecrets(draft: string): void {
  for (const part of secretParts)
    if (!isThere(join(draft, part))) throw noBackup(archives.secrets, `has no ${part}`);
  if (textOf(secretPaths.superuserPassword(draft)) === undefined)
    throw noBackup(archives.secrets, 'has no password of PostgreSQL');
}

/** Compares the ids of both archives, and removes them. */
function requireOneBackup(drafts: Drafts): void {
  const ids = parts.map((part) => {
    const file = join(drafts[part], idFile);
    const id = textOf(file);
    if (id === undefined)
      throw noBackup(archives[part], `has no ${idFile}, which shows what belongs together`);
    rmSync(file);
    return id;
  });
  if (ids[0] !== ids[1])
    throw new SetupError(
      'bad_argument',
      `${archives.database} and ${archives.secrets} are of two different backups. Nothing has changed.`,
    );
}

/** The proofs of the state folder replace what the backup has there. A link stays a link. */
function keepProofs(stateDir: string, draft: string): void {
  const secrets = join(stateDir, 'secrets');
  for (const service of existsSync(secrets) ? readdirSync(secrets) : []) {
    const [kept, place] = [stateDir, draft].map((each) => secretPaths.statements(each, service)) as [
      string,
      string,
    ];
    if (!isThere(kept)) continue;
    removeAll([place]);
    cpSync(kept, place, { recursive: true, verbatimSymlinks: true });
  }
}

/** auth compares its database with its statement copy and with the stream in NATS. */
function hasProof(stateDir: string): boolean {
  const issuer = services.find(({ trust }) => trust === 'issuer')!.name;
  const copies = secretPaths.statements(stateDir, issuer);
  return (existsSync(copies) && readdirSync(copies).length > 0) || existsSync(statePaths.nats(stateDir));
}

function requireFile(source: string, archive: string): void {
  const file = join(source, archive);
  if (!existsSync(file))
    throw new SetupError('bad_argument', `${source} is not a backup: it has no ${archive}.`);
  if (!statSync(file).isFile()) throw new SetupError('bad_argument', `${file} is not a file.`);
}

function noBackup(archive: string, fault: string): SetupError {
  return new SetupError('bad_argument', `This is not a backup: ${archive} ${fault}. Nothing has changed.`);
}

/** Undefined if there is no such file, or if it is empty. */
function textOf(file: string): string | undefined {
  const isFile = isThere(file) && lstatSync(file).isFile();
  return isFile ? readFileSync(file, 'utf8').trim() || undefined : undefined;
}
