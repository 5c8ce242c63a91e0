/**
 * The state folder of one system (`.signet/` by default):
 *
 *   launchers/        names the launcher that runs the system now, and keeps a second one out (claims.mjs)
 *   running.json      addresses and pids, while the system is ready
 *   children.json     the processes of the last start; after a crash, the next start ends those that still run
 *   secrets/ public/ credentials.json    see infra/system/secrets.ts
 *   <service>.env    the environment of a service that somebody runs by hand
 *   postgres/ nats/ logs/ stamps/
 *   client-keys/      keeps out a second exchange of client keys
 *   restoring/        what a restore unpacks and replaces, until it has finished
 *
 * `npm run reset` removes no folder with other names in it (require-state-dir.ts).
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { holderOf, tryClaim } from '../claims.mjs';
import { beginningOf } from '../process-identity.mjs';
import { packageName, projectRoot, stateFolderOf } from '../project.js';
import { SetupError } from '../system/setup-error.js';
import { signalGroup } from './processes.js';

/** The content of `running.json`. Paths are absolute. A service that somebody runs by hand has the pid 0. */
export interface RunningFile {
  pid: number;
  portBase: number;
  issuer: string;
  services: Record<string, { url: string; pid: number }>;
  postgres: { port: number };
  nats: { port: number };
  credentialsFile: string;
  publicDir: string;
  logsDir: string;
}

/** The state folder of `npm start`. */
export const defaultStateDir = join(projectRoot, stateFolderOf(packageName));

/** The paths below a state folder, without its secrets. */
export const statePaths = {
  launchers: (stateDir: string) => join(stateDir, 'launchers'),
  running: (stateDir: string) => join(stateDir, 'running.json'),
  children: (stateDir: string) => join(stateDir, 'children.json'),
  nats: (stateDir: string) => join(stateDir, 'nats'),
  logs: (stateDir: string) => join(stateDir, 'logs'),
  log: (stateDir: string, name: string) => join(stateDir, 'logs', `${name}.log`),
  stamp: (stateDir: string, name: string) => join(stateDir, 'stamps', name),
  /** What a restore replaces, until all is replaced. */
  replaced: (stateDir: string) => join(stateDir, 'restoring/old'),
  environment: (stateDir: string, name: string) => join(stateDir, `${name}.env`),
};

/** Identifies a process. A later process with the same pid has another start time. */
interface Identity {
  pid: number;
  began: string;
}

const claimAttempts = 10;

/**
 * Claims the folder for this process. The returned function ends the claim. If several processes try at the same time, at
 * most one gets the folder.
 * @throws SetupError `already_running`.
 */
export async function claimStateDir(stateDir: string): Promise<() => void> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  for (let attempt = 1; ; attempt += 1) {
    const claim = tryClaim(statePaths.launchers(stateDir));
    if (typeof claim === 'function') {
      rmSync(statePaths.running(stateDir), { force: true });
      return () => {
        rmSync(statePaths.running(stateDir), { force: true });
        claim();
      };
    }
    if (attempt === claimAttempts || claim === process.pid) throw alreadyRunning(stateDir, claim);
    await sleep(Math.random() * 50);
  }
}

function alreadyRunning(stateDir: string, holder: number): SetupError {
  const issuer = readRunning(stateDir)?.issuer ?? 'not ready yet';
  return new SetupError(
    'already_running',
    `The system of ${stateDir} is already running (process ${holder}, ${issuer}). Stop it with Ctrl-C in its terminal, or: kill ${holder}`,
  );
}

/** The pid of the launcher that runs the system of this folder now. Undefined if there is none. */
export function liveLauncher(stateDir: string): number | undefined {
  return holderOf(statePaths.launchers(stateDir));
}

/** True if the folder holds nothing but the claim on it. */
export function isNewStateDir(stateDir: string): boolean {
  return readdirSync(stateDir).every((name) => join(stateDir, name) === statePaths.launchers(stateDir));
}

/**
 * Removes everything in the folder, then ends the claim, then removes the folder, unless another process has claimed it. If
 * the path is a link, the link is removed as well.
 */
export function removeStateDir(stateDir: string, letGo: () => void): void {
  const launchers = statePaths.launchers(stateDir);
  const folder = realpathSync(stateDir);
  for (const name of readdirSync(stateDir)) {
    if (join(stateDir, name) !== launchers) rmSync(join(stateDir, name), { recursive: true, force: true });
  }
  letGo();
  try {
    for (const each of [launchers, folder]) rmdirSync(each);
    if (lstatSync(stateDir, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(stateDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
}

/** Reads running.json. Undefined if nothing runs. */
export function readRunning(stateDir: string): RunningFile | undefined {
  return liveLauncher(stateDir) === undefined
    ? undefined
    : readJson<RunningFile>(statePaths.running(stateDir));
}

/** Writes running.json. */
export function writeRunning(stateDir: string, running: RunningFile): void {
  writeFileSync(statePaths.running(stateDir), `${JSON.stringify(running, null, 2)}\n`, { mode: 0o600 });
}

/** Writes the children of this launcher into children.json. */
export function recordChildren(stateDir: string, pids: number[]): void {
  const file = statePaths.children(stateDir);
  writeFileSync(`${file}.draft`, JSON.stringify(pids.map(identityOf)), { mode: 0o600 });
  renameSync(`${file}.draft`, file); // so that the file always holds a whole list
}

/** How long to wait until the killed processes are reaped. In a container without an init, this may never happen. */
const reapTimeoutMs = 5_000;

/** Kills the processes of children.json that still run, because launcher and reaper were killed. Returns how many. */
export async function endLeftovers(stateDir: string): Promise<number> {
  const leftovers = (readJson<Identity[]>(statePaths.children(stateDir)) ?? []).filter(isAlive);
  for (const { pid } of leftovers) signalGroup(pid, 'SIGKILL');
  while (leftovers.some(isAlive)) await sleep(20); // this ends: no process can ignore SIGKILL
  // PostgreSQL does not start while the process in its lock file exists. A process that was not reaped still exists.
  const deadline = performance.now() + reapTimeoutMs;
  while (leftovers.some(({ pid }) => exists(pid)) && performance.now() < deadline) await sleep(20);
  return leftovers.length;
}

/** True if the last digest of this work is `digest`, so the work need not be done again. */
export function isStamped(stateDir: string, name: string, digest: string): boolean {
  try {
    return readFileSync(statePaths.stamp(stateDir, name), 'utf8') === digest;
  } catch {
    return false;
  }
}

/** Remembers that this work is done for this digest. */
export function stamp(stateDir: string, name: string, digest: string): void {
  const file = statePaths.stamp(stateDir, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, digest);
}

/** Forgets all digests, so all work is done again. */
export function clearStamps(stateDir: string): void {
  rmSync(dirname(statePaths.stamp(stateDir, 'any')), { recursive: true, force: true });
}

function identityOf(pid: number): Identity {
  return { pid, began: beginningOf(pid) ?? '' };
}

/** True if a process has this pid. It may have ended and not been reaped yet. */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isAlive({ pid, began }: Identity): boolean {
  return beginningOf(pid) === began;
}

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return undefined; // there is no file, or a crash has cut it off
  }
}
