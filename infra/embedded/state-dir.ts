/**
 * The state folder of one system (`.signet/` by default):
 *
 *   launcher.json     who runs it now; the claim that keeps a second launcher out
 *   running.json      what runs where, while the system is ready
 *   secrets/ public/ credentials.json    see composition/secrets.ts
 *   postgres/ nats/ logs/ stamps/
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../project.js';
import { SetupError } from '../setup-error.js';

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
  launcher: (stateDir: string) => join(stateDir, 'launcher.json'),
  running: (stateDir: string) => join(stateDir, 'running.json'),
  nats: (stateDir: string) => join(stateDir, 'nats'),
  logs: (stateDir: string) => join(stateDir, 'logs'),
  log: (stateDir: string, name: string) => join(stateDir, 'logs', `${name}.log`),
  stamp: (stateDir: string, name: string) => join(stateDir, 'stamps', name),
};

interface Claim {
  pid: number;
  /** When the process began, as its system tells it; a recycled pid has another. */
  began: string;
}

/** Takes the folder for this process; call the result to let it go. @throws SetupError `already_running`. */
export function claimStateDir(stateDir: string): () => void {
  const holder = liveLauncher(stateDir);
  if (holder !== undefined) {
    const issuer = readRunning(stateDir)?.issuer ?? 'not ready yet';
    throw new SetupError(
      'already_running',
      `The system of ${stateDir} runs already (process ${holder}, ${issuer}). Stop it with Ctrl-C there, or: kill ${holder}`,
    );
  }
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  rmSync(statePaths.running(stateDir), { force: true });
  const claim: Claim = { pid: process.pid, began: beginningOf(process.pid) ?? '' };
  writeFileSync(statePaths.launcher(stateDir), JSON.stringify(claim), { mode: 0o600 });
  return () => {
    rmSync(statePaths.running(stateDir), { force: true });
    rmSync(statePaths.launcher(stateDir), { force: true });
  };
}

/** The pid of the launcher that runs this folder's system now, if one does. */
export function liveLauncher(stateDir: string): number | undefined {
  const claim = readJson<Claim>(statePaths.launcher(stateDir));
  if (claim === undefined || beginningOf(claim.pid) !== claim.began) return undefined;
  return claim.pid;
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

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return undefined; // absent, or cut off by a crash: nobody stands behind it
  }
}

/** When a process began; undefined when there is none. */
function beginningOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]; // field 22 of proc(5), counted after the name
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}
