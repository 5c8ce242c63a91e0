/**
 * Backup and restore of a system that is stopped. A backup is a folder with two archives. Together they are all of auth:
 * who has both can sign. So they can be kept in different places.
 *
 *   database.tar.gz   the database cluster, with the databases of all services
 *   secrets.tar.gz    secrets/, public/ and credentials.json of the state folder
 *
 * A backup holds no proof of what auth has published: no statement and nothing of NATS. A restore keeps the proofs that the
 * state folder has. So auth notices that its database is older than they are.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { type PostgresHome, preparePostgresHome } from '../local/postgres-home.js';
import { clearStamps, statePaths } from '../local/state-dir.js';
import { secretPaths } from '../system/secrets.js';
import { services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import { clusterOf, requireOwn, requireState, withStopped } from './state-postgres.js';

const run = promisify(execFile);
const archiveTimeoutMs = 1_800_000;
const archives = { database: 'database.tar.gz', secrets: 'secrets.tar.gz' } as const;

/** What secrets.tar.gz holds of a state folder. */
const secretParts = ['secrets', 'public', 'credentials.json'];
/** The folders in secrets/ where services keep statements. */
const proofs = /^secrets\/[^/]+\/statements(\/|$)/;

/**
 * Writes a backup into a new folder, which only this user can read.
 * @throws SetupError `bad_argument` if there is no system, or the folder cannot be made · `already_running` ·
 * `child_failed` if an archive cannot be written; then there is no new folder
 */
export async function backUp(stateDir: string, target: string): Promise<void> {
  requireState(stateDir);
  requireNewFolder(stateDir, target);
  const draft = makeDraft(target);
  try {
    await withStopped(stateDir, async () => {
      await pack(join(draft, archives.database), clusterOf(stateDir), ['.'], './postmaster.pid');
      await pack(join(draft, archives.secrets), stateDir, secretParts, 'secrets/*/statements/*');
    });
    renameSync(draft, target);
  } finally {
    removeAll([draft]);
  }
}

/**
 * Puts the database and the secrets of a backup into a state folder. A restore that was killed can be repeated.
 *
 * @returns whether the folder has a proof of what auth has published
 * @throws SetupError `bad_argument` if this is no backup, or of another PostgreSQL, or if the folder has a system and
 * `force` is false · `already_running` · `child_failed` if an archive is damaged. Then nothing has changed.
 */
export async function restore(
  stateDir: string,
  source: string,
  { force }: { force: boolean },
): Promise<{ hasProof: boolean }> {
  requireOwn(stateDir);
  for (const archive of Object.values(archives))
    if (!existsSync(join(source, archive)))
      throw new SetupError('bad_argument', `${source} is not a backup: it has no ${archive}.`);
  return withStopped(stateDir, async () => {
    if (!force && (existsSync(clusterOf(stateDir)) || existsSync(join(stateDir, 'secrets'))))
      throw new SetupError(
        'bad_argument',
        `${stateDir} has a system. To replace its database and its secrets: --force`,
      );
    await replaceAll(stateDir, source);
    return { hasProof: hasProof(stateDir) };
  });
}

/** Unpacks and checks everything first, so that a bad backup changes nothing. */
async function replaceAll(stateDir: string, source: string): Promise<void> {
  const home = preparePostgresHome(stateDir);
  const drafts = [join(home.dataParent, 'restoring'), join(stateDir, 'restoring')] as const;
  const [database, secrets] = drafts;
  const cluster = join(database, 'data');
  removeAll(drafts); // of a restore that was killed
  try {
    await unpack(join(source, archives.database), cluster);
    await unpack(join(source, archives.secrets), secrets);
    await requireSameVersion(home, cluster);
    if (!existsSync(secretPaths.superuserPassword(secrets)))
      throw new SetupError('bad_argument', `${source} is not a backup: ${archives.secrets} has no secrets.`);
    giveTo(home, cluster);
    replaceSecrets(stateDir, secrets);
    if (existsSync(clusterOf(stateDir))) renameSync(clusterOf(stateDir), join(database, 'replaced'));
    renameSync(cluster, clusterOf(stateDir));
    clearStamps(stateDir);
  } finally {
    removeAll(drafts);
  }
}

/** Each file is replaced at once. What the backup does not have is removed, except for the proofs. */
function replaceSecrets(stateDir: string, draft: string): void {
  const restored = filesIn(draft);
  for (const file of restored) {
    mkdirSync(dirname(join(stateDir, file)), { recursive: true, mode: 0o700 });
    renameSync(join(draft, file), join(stateDir, file));
  }
  const kept = (file: string) => restored.includes(file) || proofs.test(file);
  for (const file of filesIn(stateDir, ['secrets', 'public'])) if (!kept(file)) rmSync(join(stateDir, file));
}

function makeDraft(target: string): string {
  try {
    return mkdtempSync(`${target}.draft-`);
  } catch (cause) {
    throw new SetupError('bad_argument', `${target} cannot be made: ${(cause as Error).message}.`, { cause });
  }
}

function requireNewFolder(stateDir: string, target: string): void {
  const fault = existsSync(target)
    ? 'exists already. Name a folder that does not exist'
    : !existsSync(dirname(target))
      ? `cannot be made: there is no folder ${dirname(target)}`
      : !relative(stateDir, target).startsWith('..')
        ? 'is in the state folder, which npm run reset removes. Name another folder'
        : undefined;
  if (fault !== undefined) throw new SetupError('bad_argument', `${target} ${fault}.`);
}

async function requireSameVersion(home: PostgresHome, cluster: string): Promise<void> {
  const file = join(cluster, 'PG_VERSION');
  const has = existsSync(file) ? readFileSync(file, 'utf8').trim() : 'none';
  const { stdout } = await run(join(home.bin, 'postgres'), ['--version'], { timeout: 10_000 });
  const needs = /(\d+)\./.exec(stdout)?.[1];
  if (has === needs) return;
  throw new SetupError(
    'bad_argument',
    `The database of this backup is of PostgreSQL ${has}, and this is PostgreSQL ${needs}. Restore it with the version of the repository that made it.`,
  );
}

/** auth compares its database with its statement copy and with the stream in NATS. */
function hasProof(stateDir: string): boolean {
  const issuer = services.find(({ trust }) => trust === 'issuer')!.name;
  const copies = secretPaths.statements(stateDir, issuer);
  return (existsSync(copies) && readdirSync(copies).length > 0) || existsSync(statePaths.nats(stateDir));
}

/** Root keeps the cluster as the user who runs PostgreSQL. */
function giveTo({ user }: PostgresHome, folder: string): void {
  if (user === undefined) return;
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  for (const path of ['', ...paths]) chownSync(join(folder, path), user.uid, user.gid);
}

function filesIn(root: string, parts: readonly string[] = secretParts): string[] {
  return parts.flatMap((part) => {
    const path = join(root, part);
    if (!existsSync(path)) return [];
    if (statSync(path).isFile()) return [part];
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(part, name));
    return names.filter((name) => statSync(join(root, name)).isFile());
  });
}

async function pack(
  archive: string,
  folder: string,
  parts: readonly string[],
  without: string,
): Promise<void> {
  await tar(['-czf', archive, `--exclude=${without}`, '-C', folder, ...parts]);
  chmodSync(archive, 0o600);
}

async function unpack(archive: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await tar(['-xzpf', archive, '--no-same-owner', '-C', folder]);
}

async function tar(args: readonly string[]): Promise<void> {
  try {
    await run('tar', args, { timeout: archiveTimeoutMs });
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    const reason = (stderr?.trim() || message).split('\n')[0];
    throw new SetupError('child_failed', `tar failed: ${reason}. Nothing has changed.`, { cause });
  }
}

function removeAll(folders: readonly string[]): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
