/**
 * Runs child processes, and leaves none running.
 *
 * A child runs in a process group of its own, so Ctrl-C in a terminal reaches the launcher only. The launcher then stops
 * its children in order. A child writes directly into its log file. If the launcher itself is killed, the reaper ends the
 * children.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { SetupError } from '../system/setup-error.js';
import { tellReaper } from './reaper-client.js';

/** How to start and to stop a child. `env` is its whole environment: it inherits no variable. */
export interface ChildSpec {
  name: string;
  command: string;
  args: string[];
  env: Record<string, string>;
  logFile: string;
  cwd?: string;
  /** The user who runs it. Only root may set this. */
  user?: { uid: number; gid: number } | undefined;
  /** The signal that asks the child to end. Default SIGTERM. */
  stopSignal?: NodeJS.Signals;
  /** Milliseconds between this signal and SIGKILL. Default 10,000. */
  stopWithinMs?: number;
}

/** How a child ended. `expected` is true if `stop` or `kill` was called before. */
interface ChildExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  expected: boolean;
}

/** A started child process. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly running: boolean;
  /** Resolves when the process has ended. Never rejects. */
  readonly exited: Promise<ChildExit>;
  /** The last lines that the child wrote in this run, the oldest first. */
  lastLines(count?: number): string[];
  /** Asks the child to end, and kills it after `stopWithinMs`. */
  stop(): Promise<ChildExit>;
  /** Sends a signal (default SIGKILL) to the whole process group. The exit then counts as expected. */
  kill(signal?: NodeJS.Signals): Promise<ChildExit>;
}

const lastLinesShown = 15;
const tailBytes = 16 * 1024;

/** Starts a child. @throws SetupError `child_failed` if the program cannot be executed. */
export function startChild(spec: ChildSpec): Child {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, 'a', 0o600);
  writeSync(log, `--- ${spec.name} started at ${new Date().toISOString()}\n`);
  const logStart = statSync(spec.logFile).size;
  const process = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: ['ignore', log, log],
    ...spec.user,
  });
  closeSync(log);
  process.on('error', () => undefined); // handled below: there is no pid, or the child exits
  const { pid } = process;
  if (pid === undefined) {
    throw new SetupError(
      'child_failed',
      `${spec.name} cannot be started: ${spec.command} cannot be executed.`,
    );
  }
  const stopSignal = spec.stopSignal ?? 'SIGTERM';
  tellReaper(`+ ${pid} ${stopSignal}`);

  let expected = false;
  let running = true;
  const exited = new Promise<ChildExit>((resolve) => {
    process.once('exit', (code, signal) => {
      running = false;
      tellReaper(`- ${pid}`);
      resolve({ code, signal, expected });
    });
  });

  const kill = (signal: NodeJS.Signals = 'SIGKILL') => {
    expected = true;
    if (running) signalGroup(pid, signal);
    return exited;
  };
  return {
    name: spec.name,
    pid,
    exited,
    kill,
    get running() {
      return running;
    },
    lastLines: (count = lastLinesShown) => tail(spec.logFile, logStart, count),
    async stop() {
      expected = true;
      if (running) process.kill(stopSignal);
      const timer = setTimeout(() => void kill(), spec.stopWithinMs ?? 10_000);
      return exited.finally(() => clearTimeout(timer));
    },
  };
}

/** Runs a program until it ends. @throws SetupError `child_failed` with its last lines, unless it exits with 0. */
export async function runToEnd(spec: ChildSpec): Promise<void> {
  const child = startChild(spec);
  const exit = await child.exited;
  if (exit.code !== 0) throw new SetupError('child_failed', describeExit(child, exit, spec.logFile));
}

/** The report about a child that ended by itself: how it ended, its last lines and its log file. */
export function describeExit(child: Child, exit: ChildExit, logFile: string): string {
  const how = exit.signal === null ? `with code ${exit.code}` : `by ${exit.signal}`;
  return `${child.name} ended unexpectedly ${how}. ${saidBy(child, logFile)}`;
}

/** The last lines of a child, and the name of its log file. */
export function saidBy(child: Pick<Child, 'lastLines'>, logFile: string): string {
  const lines = child.lastLines().map((line) => `  | ${line}`);
  return [`Its last lines (${logFile}):`, ...lines].join('\n');
}

/** Sends a signal to a child and its own children. It is no error if they have ended. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has ended already
  }
}

function tail(file: string, from: number, count: number): string[] {
  const written = readFileSync(file).subarray(from);
  const lines = written.subarray(-tailBytes).toString('utf8').split('\n');
  return lines.filter((line) => line.trim() !== '').slice(-count);
}
