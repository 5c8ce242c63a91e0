/**
 * The issuer as real processes (auth, PostgreSQL, NATS), and room for verifiers that are no part of the service table:
 * each guest gets a NATS account by the same generator as every service, and the bench runs it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KEYSET_SUBJECT } from '#statements';
import { environmentFor } from '../../infra/system/environment.js';
import {
  makeSecrets,
  publicNkeys,
  readCredentials,
  readSecret,
  secretPaths,
} from '../../infra/system/secrets.js';
import { serverPortOffsets, services, type ServiceRow } from '../../infra/system/services.js';
import { findNatsServer } from '../../infra/local/nats-server-finder.js';
import { startNatsServer } from '../../infra/local/nats-server.js';
import { freePortBase } from '../../infra/local/ports.js';
import { removePostgresData } from '../../infra/local/postgres-home.js';
import { startChild, type Child } from '../../infra/local/processes.js';
import { untilReady } from '../../infra/local/readiness.js';
import { statePaths } from '../../infra/local/state-dir.js';
import { planAddresses } from '../../infra/local/system-plan.js';
import { startSystem, type RunningSystem } from '../../infra/local/system.js';
import { projectRoot } from '../../infra/project.js';
import { decode } from '../../infra/tour/tokens.js';
import { Bystander } from '../bystander.js';
import { Issuer } from './issuer.js';
import type { Target } from './traffic.js';

export interface BenchSystemOptions {
  /** Names of the guests: lower-case letters, digits and `-`. */
  readonly guests: readonly string[];
  /** Settings of auth. */
  readonly settings: Readonly<Record<string, string>>;
  /** False gives up PostgreSQL's crash safety for speed. */
  readonly durable: boolean;
  readonly log: (line: string) => void;
}

const issuerRow = services.filter(({ trust }) => trust === 'issuer');
const firstGuestOffset = serverPortOffsets.nats + 1;
const readyTimeoutMs = 30_000;

export class BenchSystem {
  private readonly children: Child[] = [];
  private nats: Child | undefined;
  private readonly onInterrupt = () => void this.stop().finally(() => process.exit(130));

  private constructor(
    readonly issuer: Issuer,
    private readonly system: RunningSystem,
    private readonly stateDir: string,
    private readonly portBase: number,
    private readonly rows: readonly ServiceRow[],
    private readonly log: (line: string) => void,
  ) {
    process.once('SIGINT', this.onInterrupt);
  }

  static async start({ guests, settings, durable, log }: BenchSystemOptions): Promise<BenchSystem> {
    const stateDir = mkdtempSync(join(tmpdir(), 'bench-'));
    const rows = [...issuerRow, ...guests.map(guestRow)];
    const offsets = [...Object.values(serverPortOffsets), ...rows.map((row) => row.portOffset)];
    const portBase = await freePortBase(offsets);
    const system = await startSystem({
      stateDir,
      portBase,
      rows: issuerRow,
      settings: { auth: { LOG_LEVEL: 'error', ...settings } },
      durable,
      log,
    });
    const issuer = new Issuer(system.urls['auth']!, readCredentials(stateDir));
    const bench = new BenchSystem(issuer, system, stateDir, portBase, rows, log);
    makeSecrets(stateDir, rows);
    // The launcher's own NATS knows only the services of the table.
    await system.halt('nats');
    await bench.startNats();
    return bench;
  }

  /** Rejects when auth or a guest ends that nobody asked to end. */
  get crashed(): Promise<never> {
    const ends = this.children.map(async (child) => {
      const { expected } = await child.exited;
      return expected
        ? new Promise<string>(() => undefined)
        : `${child.name}: ${child.lastLines().join('\n')}`;
    });
    return Promise.race([this.system.crashed, ...ends]).then((report) => {
      throw new Error(report);
    });
  }

  /** Starts a program of this folder as that guest; resolves when it is ready. */
  async runGuest(name: string, program: string, settings: Record<string, string>): Promise<Target> {
    const row = this.rows.find((candidate) => candidate.name === name)!;
    const addresses = this.addresses();
    const logFile = statePaths.log(this.stateDir, name);
    const child = startChild({
      name,
      command: process.execPath,
      args: ['--enable-source-maps', join(projectRoot, 'dist/bench/rotation', program)],
      env: { ...environmentFor(row, 'main', addresses), LOG_LEVEL: 'fatal', SERVICE_NAME: name, ...settings },
      logFile,
    });
    this.children.push(child);
    const url = addresses.urls[name]!;
    const signal = AbortSignal.timeout(readyTimeoutMs);
    await untilReady({ child, url, logFile, timeoutMs: readyTimeoutMs, log: this.log, signal });
    return { name, url };
  }

  /** What a verifier needs that runs in a process of the bench. */
  verifierFacts() {
    const { natsPort, issuer } = this.addresses();
    return {
      issuer,
      natsUrl: `nats://127.0.0.1:${natsPort}`,
      anchor: readSecret(join(secretPaths.public(this.stateDir), 'trust-anchor.pem')),
      nkeySeed: (guest: string) => readSecret(join(secretPaths.of(this.stateDir, guest), 'nats.nk')).trim(),
    };
  }

  /** Hears the statements as a guest with this name would, and sees auth's database. */
  startBystander(account: string): Promise<Bystander<number>> {
    const { postgresPort, natsPort } = this.addresses();
    const { stateDir } = this;
    const nameOf = (jws: string) => decode(jws).claims['epoch'] as number;
    return Bystander.start({ stateDir, postgresPort, natsPort, account, subject: KEYSET_SUBJECT, nameOf });
  }

  async startNats(): Promise<void> {
    this.nats = await startNatsServer({
      program: await findNatsServer(),
      dir: statePaths.nats(this.stateDir),
      port: this.portBase + serverPortOffsets.nats,
      rows: this.rows,
      publicKeys: publicNkeys(this.stateDir, this.rows),
      logFile: statePaths.log(this.stateDir, 'nats'),
    });
  }

  async stopNats(): Promise<void> {
    await this.nats?.stop();
  }

  private addresses() {
    return planAddresses(this.stateDir, this.portBase, this.rows, 'development');
  }

  /** Ends every process and leaves nothing behind. */
  async stop(): Promise<void> {
    process.removeListener('SIGINT', this.onInterrupt);
    await Promise.all(this.children.map((child) => child.stop()));
    await this.system.halt('auth');
    await this.stopNats();
    await this.system.stop();
    removePostgresData(this.stateDir);
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}

function guestRow(name: string, index: number): ServiceRow {
  const portOffset = firstGuestOffset + index;
  return {
    name,
    portOffset,
    trust: 'verifier',
    calls: [],
    seed: 'none',
    collectsEvents: false,
    idempotentPosts: [],
    guardedRoute: null,
  };
}
