/**
 * The state folder of one system (`.signet/` by default):
 *
 *   launchers/        who runs it now; the claim that keeps a second launcher out, see claims.mjs
 *   running.json      what runs where, while the system is ready
 *   children.json     the processes of the last start, by which the next one finds what a crash left running
 *   secrets/ public/ credentials.json    see infra/system/secrets.ts
 *   postgres/ nats/ logs/ stamps/
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { holderOf, tryClaim } from '../claims.mjs';
import { beginningOf } from '../process-identity.mjs';
import { projectRoot } from '../project.js';
import { SetupError } from '../system/setup-error.js';
import { signalGroup } from './processes.js';

/** What `running.json` says while the system is ready. Paths are absolute. */
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
export const defaultStateDir = join(projectRoot, '.signet');

/** The paths inside a state folder that are not secrets. */
export const statePaths = {
  launchers: (stateDir: string) => join(stateDir, 'launchers'),
  running: (stateDir: string) => join(stateDir, 'running.json'),
  children: (stateDir: string) => join(stateDir, 'children.json'),
  nats: (stateDir: string) => join(stateDir, 'nats'),
  logs: (stateDir: string) => join(stateDir, 'logs'),
  log: (stateDir: string, name: string) => join(stateDir, 'logs', `${name}.log`),
  stamp: (stateDir: string, name: string) => join(stateDir, 'stamps', name),
};

/** A process for certain: a recycled pid has another beginning. */
interface Identity {
  pid: number;
  began: string;
}

const claimAttempts = 10;

/**
 * Takes the folder for this process; call the result to let it go. Of several that try at once at most one gets it.
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
    `The system of ${stateDir} runs already (process ${holder}, ${issuer}). Stop it with Ctrl-C there, or: kill ${holder}`,
  );
}

/** The pid of the launcher that runs this folder's system now, if one does. */
export function liveLauncher(stateDir: string): number | undefined {
  return holderOf(statePaths.launchers(stateDir));
}

/** Whether nothing is in the folder but the claim on it. */
export function isNewStateDir(stateDir: string): boolean {
  return readdirSync(stateDir).every((name) => join(stateDir, name) === statePaths.launchers(stateDir));
}

/** Removes all that the folder holds, then lets it go; the folder too, unless somebody takes it right now. */
export function removeStateDir(stateDir: string, letGo: () => void): void {
  const launchers = statePaths.launchers(stateDir);
  for (const name of readdirSync(stateDir)) {
    if (join(stateDir, name) !== launchers) rmSync(join(stateDir, name), { recursive: true, force: true });
  }
  letGo();
  try {
    for (const folder of [launchers, stateDir]) rmdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
}

/** What runs now according to the folder, or undefined when nothing does. */
export function readRunning(stateDir: string): RunningFile | undefined {
  return liveLauncher(stateDir) === undefined
    ? undefined
    : readJson<RunningFile>(statePaths.running(stateDir));
}

/** Publishes what runs where. */
export function writeRunning(stateDir: string, running: RunningFile): void {
  writeFileSync(statePaths.running(stateDir), `${JSON.stringify(running, null, 2)}\n`, { mode: 0o600 });
}

/** Notes the children of this launcher. */
export function recordChildren(stateDir: string, pids: number[]): void {
  const file = statePaths.children(stateDir);
  writeFileSync(`${file}.draft`, JSON.stringify(pids.map(identityOf)), { mode: 0o600 });
  renameSync(`${file}.draft`, file); // at any moment the old list or the new one
}

/** For a parent, or process 1, to reap what was killed. In a container without an init nobody may. */
const reapTimeoutMs = 5_000;

/** Ends the noted children that still run: a launcher and its reaper were killed together. Returns how many. */
export async function endLeftovers(stateDir: string): Promise<number> {
  const leftovers = (readJson<Identity[]>(statePaths.children(stateDir)) ?? []).filter(isAlive);
  for (const { pid } of leftovers) signalGroup(pid, 'SIGKILL');
  while (leftovers.some(isAlive)) await sleep(20); // SIGKILL cannot be refused
  // PostgreSQL does not start while its lock file names a process that exists, and one that nobody reaped still does.
  const deadline = performance.now() + reapTimeoutMs;
  while (leftovers.some(({ pid }) => exists(pid)) && performance.now() < deadline) await sleep(20);
  return leftovers.length;
}

/** Whether the named work was last done for exactly this digest. */
export function isStamped(stateDir: string, name: string, digest: string): boolean {
  try {
    return readFileSync(statePaths.stamp(stateDir, name), 'utf8') === digest;
  } catch {
    return false;
  }
}

/** Notes that the named work is done for this digest. */
export function stamp(stateDir: string, name: string, digest: string): void {
  const file = statePaths.stamp(stateDir, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, digest);
}

/** Forgets all such notes. */
export function clearStamps(stateDir: string): void {
  rmSync(dirname(statePaths.stamp(stateDir, 'any')), { recursive: true, force: true });
}

function identityOf(pid: number): Identity {
  return { pid, began: beginningOf(pid) ?? '' };
}

/** Whether a process has this number, be it one that has ended and waits for its parent to notice. */
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
    return undefined; // absent, or cut off by a crash: nobody stands behind it
  }
}
