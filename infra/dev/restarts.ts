import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LaunchArguments } from '../local/arguments.js';
import type { Companion } from '../local/launcher.js';
import { statePaths } from '../local/state-dir.js';
import type { RunningSystem, SystemOptions } from '../local/system.js';
import { projectRoot } from '../project.js';
import { services } from '../system/services.js';
import type { Compilation, CompilerOptions } from './compiler.js';
import { planRestarts, type RestartPlan, sourcesOfPrograms, type Waiting } from './restart-plan.js';
import { followFile, logFormat } from './service-logs.js';

type Restart = RestartPlan['restart'][number];

const names = services.map(({ name }) => name);
const shownFiles = 3;

/** Shows the logs of a running system, compiles what changes, and restarts the services that import it. */
export class Restarts implements Companion {
  readonly options: Partial<SystemOptions>;
  private readonly colour = Boolean(process.stdout.isTTY) && process.stdout.hasColors(); // it knows NO_COLOR
  private readonly stopFollowing: (() => void)[];
  private readonly stopping = new AbortController();
  private worker: Worker | undefined;
  private waiting: Waiting = {};
  private hadErrors = false;
  /** The services whose migrations or first data have changed, and have not run since. */
  private readonly unprepared = new Set<string>();
  private readonly running = new Map<string, { abort: AbortController; done: Promise<void> }>();

  constructor(private readonly given: LaunchArguments) {
    this.options = {
      inspect: true,
      onServiceEnd: (report) => say(`${report}\nIt starts again when a file that it imports changes.`),
    };
    const format = logFormat(names, this.colour);
    this.stopFollowing = names.map((name) =>
      followFile(statePaths.log(given.stateDir, name), (line) => console.log(format(name, line))),
    );
  }

  attend(system: RunningSystem): Promise<string> {
    const begun = Date.now();
    say('compiling the sources. If you save a file now, its services restart when this has ended.');
    const workerData: Omit<CompilerOptions, 'onCompiled'> = {
      root: projectRoot,
      programs: sourcesOfPrograms(names),
      colour: this.colour,
    };
    const worker = new Worker(new URL('./compile-worker.js', import.meta.url), { workerData });
    this.worker = worker;
    worker.once('message', () => say(`watching the sources (compiled in ${secondsSince(begun)} s)`));
    worker.on('message', (compilation: Compilation) => this.follow(system, compilation));
    return new Promise((failed) => {
      worker.once('error', (error) => failed(`The compiler has failed: ${error.stack}`));
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.worker?.terminate();
    await Promise.all([...this.running.values()].map(({ done }) => done));
    for (const end of this.stopFollowing) end();
  }

  private follow(system: RunningSystem, compilation: Compilation): void {
    if (this.stopping.signal.aborted) return;
    const { part, errors, changed } = compilation;
    if (errors !== '') say(`\n${errors}\n`);
    if (part === 'rest') {
      if (changed.length === 0) return;
      const ofDev = changed.some((file) => file.startsWith('infra/'));
      const advice = ofDev ? '. To use it, start npm run dev again' : '';
      say(`compiled, and no service imports it: ${list(changed)}${advice}`);
      return;
    }
    const { restart, blocked, waiting } = planRestarts(names, compilation, this.waiting);
    this.waiting = waiting;
    for (const { service, by } of blocked)
      say(`${service} goes on as it is until this is mended: ${list(by)}`);
    if (this.hadErrors && errors === '') say('no more errors in the services');
    this.hadErrors = errors !== '';
    for (const each of restart) this.begin(system, each);
  }

  /** A newer change of a service ends the wait for the older one. */
  private begin(system: RunningSystem, restart: Restart): void {
    const { service, prepare } = restart;
    if (prepare) this.unprepared.add(service);
    const older = this.running.get(service);
    older?.abort.abort();
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.stopping.signal]);
    const saved = savedAt(restart.because);
    const done = Promise.resolve(older?.done).then(() => this.restart(system, restart, saved, signal));
    this.running.set(service, { abort, done });
  }

  /** Never rejects. */
  private async restart(
    system: RunningSystem,
    { service, because }: Restart,
    saved: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) return;
    const byHand = this.given.without.includes(service);
    say(
      byHand
        ? `${service} has changed, restart it: ${list(because)}`
        : `${service} restarts: ${list(because)}`,
    );
    try {
      if (this.unprepared.has(service)) {
        await system.prepare(service);
        this.unprepared.delete(service);
      }
      if (byHand || signal.aborted) return;
      await system.restart(service, signal);
      say(`${service} is ready again, ${secondsSince(saved)} s after the file was saved`);
    } catch (error) {
      if (!signal.aborted) say(`${service} did not restart. ${(error as Error).message}`);
    }
  }
}

/** When the newest of these sources was saved, in milliseconds since 1970. */
function savedAt(files: string[]): number {
  const times = files.map(
    (file) => statSync(join(projectRoot, file), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  return Math.max(...times);
}

function list(files: string[]): string {
  const more = files.length - shownFiles;
  return files.slice(0, shownFiles).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function secondsSince(time: number): string {
  return ((Date.now() - time) / 1000).toFixed(1);
}

function say(text: string): void {
  console.log(text.replaceAll(/^(?=.)/gm, '  '));
}
