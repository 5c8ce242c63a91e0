/**
 * The state folder of one system (`.signet/` by default):
 *
 *   launcher.json     who runs it now; the claim that keeps a second launcher out
 *   running.json      what runs where, while the system is ready
 *   children.json     the processes of the last start, by which the next one finds what a crash left running
 *   secrets/ public/ credentials.json    see composition/secrets.ts
 *   postgres/ nats/ logs/ stamps/
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../project.js';
import { SetupError } from '../setup-error.js';
import { beginningOf } from './process-identity.js';

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
  writeFileSync(statePaths.launcher(stateDir), JSON.stringify(identityOf(process.pid)), { mode: 0o600 });
  return () => {
    rmSync(statePaths.running(stateDir), { force: true });
    rmSync(statePaths.launcher(stateDir), { force: true });
  };
}

/** The pid of the launcher that runs this folder's system now, if one does. */
export function liveLauncher(stateDir: string): number | undefined {
  const claim = readJson<Identity>(statePaths.launcher(stateDir));
  return claim !== undefined && isAlive(claim) ? claim.pid : undefined;
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
  writeFileSync(statePaths.children(stateDir), JSON.stringify(pids.map(identityOf)), { mode: 0o600 });
}

/** Ends the noted children that still run: a launcher and its reaper were killed together. Returns how many. */
export async function endLeftovers(stateDir: string): Promise<number> {
  const leftovers = (readJson<Identity[]>(statePaths.children(stateDir)) ?? []).filter(isAlive);
  for (const { pid } of leftovers) process.kill(-pid, 'SIGKILL');
  while (leftovers.some(isAlive)) await sleep(20); // SIGKILL cannot be refused
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
