/**
 * Runs a whole system of real processes for one state folder: PostgreSQL, nats-server and every service of the table.
 * `npm start` runs one system. Tests and scenarios run systems of their own, and stop, kill and restart single parts.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { planDatabase, provisionDatabase } from '../system/service-database.js';
import type { Program, SystemAddresses } from '../system/environment.js';
import { makeSecrets, publicNkeys } from '../system/secrets.js';
import { requireServiceTable } from '../system/service-table.js';
import { portClaims, services, type ServiceRow } from '../system/services.js';
import { makeTokenKeys } from '../system/token-keys.js';
import { projectRoot } from '../project.js';
import { SetupError } from '../system/setup-error.js';
import { findNatsServer } from './nats-server-finder.js';
import { startNatsServer } from './nats-server.js';
import { assertPortsFree } from './ports.js';
import { removePostgresData } from './postgres-home.js';
import { startPostgres } from './postgres.js';
import { requireWhole } from './require-state-dir.js';
import { type Child, describeExit, runToEnd, startChild } from './processes.js';
import { untilReady } from './readiness.js';
import {
  claimStateDir,
  clearStamps,
  endLeftovers,
  isNewStateDir,
  isStamped,
  recordChildren,
  type RunningFile,
  stamp,
  statePaths,
  writeRunning,
} from './state-dir.js';
import {
  digestOfPreparation,
  inspectOption,
  planAddresses,
  planEnvFile,
  planProgram,
  planRunningFile,
  planSuperuser,
} from './system-plan.js';

/** What to start. */
export interface SystemOptions {
  stateDir: string;
  portBase: number;
  /** Default: all services of the table. */
  rows?: readonly ServiceRow[];
  /** The folder with `<service>/src/{main,migrate,seed}.js`. Default: our build. */
  appsDir?: string;
  /** Default `development`. */
  nodeEnv?: SystemAddresses['nodeEnv'];
  /** Settings for `main` and `seed` of each service, added to the generated environment. */
  settings?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The services whose access tokens are encrypted. Default: none. */
  encryptTokensFor?: readonly string[];
  /** If false, PostgreSQL is faster, but a crash can destroy its data. Default true. */
  durable?: boolean;
  /** Milliseconds within which a service must become ready. Default 60,000. */
  readyTimeoutMs?: number;
  /** The services that somebody runs by hand. Their databases are prepared, but they are not started. Default: none. */
  without?: readonly string[];
  /** If true, each service has an inspector, see `inspectorPort`. Default false. */
  inspect?: boolean;
  /** Gets the report when a service ends by itself after the start of the system. Without it, `crashed` resolves. */
  onServiceEnd?: (report: string) => void;
  /** Gets one line for each step. */
  log?: (line: string) => void;
  /** Aborts a start. The start then rejects, after everything has stopped. */
  signal?: AbortSignal;
}

/** Starts the system. If this rejects, nothing is left running. @throws SetupError with any code. */
export async function startSystem(options: SystemOptions): Promise<RunningSystem> {
  // Rows or programs of a caller need not agree with our build.
  if (options.rows === undefined && options.appsDir === undefined) await requireServiceTable();
  const stateDir = resolve(options.stateDir);
  const letGo = await claimStateDir(stateDir);
  const system = new RunningSystem({ ...options, stateDir }, letGo);
  try {
    await endLeftovers(stateDir);
    requireWhole(stateDir);
    if (isNewStateDir(stateDir)) removePostgresData(stateDir); // data of an older folder with this path; its passwords are lost
    await system.boot();
    return system;
  } catch (error) {
    await system.stop();
    throw error;
  }
}

/** A running system. `startSystem` makes it. A part is named `postgres`, `nats` or by its service. */
export class RunningSystem {
  /** Resolves with a report when a part ends by itself, except for what `onServiceEnd` gets. */
  readonly crashed: Promise<string>;

  private readonly stateDir: string;
  private readonly rows: readonly ServiceRow[];
  /** The services that this launcher starts. */
  private readonly started: readonly ServiceRow[];
  private readonly addresses: SystemAddresses;
  private readonly parts = new Map<string, Child>();
  /** The services that became ready and have not ended since. */
  private readonly ready = new Set<string>();
  private booted = false;
  private readonly log: (line: string) => void;
  private readonly aborted: AbortSignal;
  private tokenKeys: Readonly<Record<string, Readonly<Record<string, string>>>> = {};
  private reportCrash!: (report: string) => void;

  /** Use `startSystem`. */
  constructor(
    private readonly options: SystemOptions,
    private readonly letGo: () => void,
  ) {
    this.stateDir = options.stateDir;
    this.rows = options.rows ?? services;
    this.started = this.rows.filter(({ name }) => !options.without?.includes(name));
    this.addresses = planAddresses(
      this.stateDir,
      options.portBase,
      this.rows,
      options.nodeEnv ?? 'development',
    );
    this.log = options.log ?? (() => undefined);
    const crash = new AbortController();
    this.crashed = new Promise((resolveCrash) => {
      this.reportCrash = (report) => {
        crash.abort(new SetupError('child_failed', report)); // ends all waiting for services that become ready
        resolveCrash(report);
      };
    });
    this.aborted = AbortSignal.any([crash.signal, ...(options.signal ? [options.signal] : [])]);
  }

  /** The base URL of each service. */
  get urls(): Readonly<Record<string, string>> {
    return this.addresses.urls;
  }

  /** The addresses and pids of all parts, as in running.json. */
  get running(): RunningFile {
    const pids = new Map([...this.parts].map(([name, child]) => [name, child.pid]));
    return planRunningFile(this.options.portBase, this.addresses, pids);
  }

  /** Starts everything, in order. */
  async boot(): Promise<void> {
    // A service that somebody runs by hand may listen already.
    await assertPortsFree(portClaims(this.options.portBase, this.started, this.options.inspect));
    makeSecrets(this.stateDir, this.rows);
    this.tokenKeys = makeTokenKeys(this.stateDir, this.options.encryptTokensFor ?? [], this.rows);
    await settleAll([
      this.step('PostgreSQL is up', this.launch('postgres')),
      this.step('NATS is up', this.launch('nats')),
    ]);
    for (const row of this.rows) {
      await provisionDatabase(planSuperuser(this.addresses), planDatabase(row.name, this.stateDir));
    }
    await settleAll(this.rows.map((row) => this.prepare(row.name)));
    for (const row of this.rows) if (!this.started.includes(row)) this.explainHowToRun(row);
    await settleAll(this.started.map((row) => this.step(`${row.name} is ready`, this.launch(row.name))));
    this.booted = true;
  }

  /** Stops everything: first the services, which finish their requests, then NATS, then PostgreSQL. */
  async stop(): Promise<void> {
    for (const names of [this.rows.map((row) => row.name), ['nats'], ['postgres']]) {
      const children = names.flatMap((name) => this.parts.get(name) ?? []);
      await Promise.all(children.map((child) => child.stop()));
    }
    this.letGo();
  }

  /** Sends SIGKILL to everything. */
  killAll(): void {
    for (const child of this.parts.values()) void child.kill();
  }

  /** Stops one part in an orderly way. */
  async halt(part: string): Promise<void> {
    await this.part(part).stop();
  }

  /** Sends a signal to one part (default SIGKILL) and waits until it has ended. */
  async kill(part: string, signal?: NodeJS.Signals): Promise<void> {
    await this.part(part).kill(signal);
  }

  /** Starts a part that has ended. A service is ready when this resolves. `signal` ends the wait for that. */
  async launch(part: string, signal?: AbortSignal): Promise<void> {
    this.aborted.throwIfAborted();
    if (this.parts.get(part)?.running) return;
    if (part === 'postgres') await this.launchPostgres();
    else if (part === 'nats') await this.launchNats();
    else await this.launchService(this.row(part), signal);
    if (this.started.every((row) => this.parts.has(row.name))) writeRunning(this.stateDir, this.running);
  }

  /** `halt`, then `launch`. */
  async restart(part: string, signal?: AbortSignal): Promise<void> {
    await this.halt(part);
    await this.launch(part, signal);
  }

  /**
   * Migrates the database of a service and adds its first data. `migrate` and `seed` can run any number of times. Each
   * takes a process, so they run only after a change of code or settings.
   */
  async prepare(service: string): Promise<void> {
    const row = this.row(service);
    this.aborted.throwIfAborted();
    const settings = this.options.settings?.[row.name];
    const digest = digestOfPreparation(row, this.appsDir, this.stateDir, settings);
    if (isStamped(this.stateDir, row.name, digest)) return;
    await this.step(`${row.name}: the database is migrated`, runToEnd(this.program(row, 'migrate')));
    if (row.seed !== 'none')
      await this.step(`${row.name}: the first data is there`, runToEnd(this.program(row, 'seed', settings)));
    stamp(this.stateDir, row.name, digest);
  }

  private async step(done: string, work: Promise<void>): Promise<void> {
    const begun = Date.now();
    await work;
    this.log(`${done} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  }

  private async launchPostgres(): Promise<void> {
    const { child, created } = await startPostgres({
      stateDir: this.stateDir,
      port: this.addresses.postgresPort,
      superuserPassword: planSuperuser(this.addresses).password,
      logFile: statePaths.log(this.stateDir, 'postgres'),
      durable: this.options.durable ?? true,
    });
    this.register('postgres', child);
    if (created) clearStamps(this.stateDir);
  }

  private async launchNats(): Promise<void> {
    const child = await startNatsServer({
      program: await findNatsServer(),
      dir: statePaths.nats(this.stateDir),
      port: this.addresses.natsPort,
      rows: this.rows,
      publicKeys: publicNkeys(this.stateDir, this.rows),
      logFile: statePaths.log(this.stateDir, 'nats'),
    });
    this.register('nats', child);
  }

  private async launchService(row: ServiceRow, signal?: AbortSignal): Promise<void> {
    const program = this.program(row, 'main', this.mainSettings(row));
    // By default, Node writes the address of the inspector into the log at each start.
    if (this.options.inspect)
      program.args.unshift(inspectOption(row, this.options.portBase), '--inspect-publish-uid=http');
    this.ready.delete(row.name);
    const child = startChild(program);
    this.register(row.name, child);
    await untilReady({
      child,
      url: this.urls[row.name] ?? '',
      logFile: statePaths.log(this.stateDir, row.name),
      timeoutMs: this.options.readyTimeoutMs ?? 60_000,
      log: this.log,
      signal: signal ? AbortSignal.any([this.aborted, signal]) : this.aborted,
    });
    this.ready.add(row.name);
  }

  /** Writes the environment of a service into a file, and logs the command that runs the service with it. */
  private explainHowToRun(row: ServiceRow): void {
    const { args, env } = this.program(row, 'main', this.mainSettings(row));
    const { PATH: _ofTheShell, ...environment } = env;
    const file = statePaths.environment(this.stateDir, row.name);
    rmSync(file, { force: true }); // `mode` counts for a new file only
    writeFileSync(file, planEnvFile(environment), { mode: 0o600 });
    const paths = [file, args.at(-1)!].map((path) => relative(process.cwd(), path));
    const inspect = inspectOption(row, this.options.portBase);
    this.log(
      `to run ${row.name} by hand: node --env-file=${paths[0]} --enable-source-maps ${inspect} ${paths[1]}`,
    );
  }

  private mainSettings(row: ServiceRow): Record<string, string> {
    return { ...this.options.settings?.[row.name], ...this.tokenKeys[row.name] };
  }

  private register(part: string, child: Child): void {
    this.parts.set(part, child);
    recordChildren(
      this.stateDir,
      [...this.parts.values()].map(({ pid }) => pid),
    );
    void child.exited.then((exit) => {
      if (!exit.expected)
        this.handleEnd(part, describeExit(child, exit, statePaths.log(this.stateDir, part)));
    });
  }

  /** A service that ends before it is ready needs no report here: `launch` rejects with it. */
  private handleEnd(part: string, report: string): void {
    const { onServiceEnd } = this.options;
    const isService = this.rows.some(({ name }) => name === part);
    if (!this.booted || !isService || !onServiceEnd) this.reportCrash(report);
    else if (this.ready.delete(part)) onServiceEnd(report);
  }

  private program(row: ServiceRow, program: Program, settings?: Readonly<Record<string, string>>) {
    return planProgram(row, program, this.appsDir, this.addresses, settings);
  }

  private get appsDir(): string {
    return this.options.appsDir ?? join(projectRoot, 'dist/apps');
  }

  private part(name: string): Child {
    const child = this.parts.get(name);
    if (child === undefined) throw new Error(`The system has no part named ${name}.`);
    return child;
  }

  private row(name: string): ServiceRow {
    const row = this.rows.find((candidate) => candidate.name === name);
    if (row === undefined) throw new Error(`The system has no service named ${name}.`);
    return row;
  }
}

/** Throws the first error only after all have settled. So nothing is still starting when the caller handles the error. */
async function settleAll(work: Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
