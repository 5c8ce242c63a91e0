import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { eventually, freePortBase } from '#testing';
import { isBuilt, sourceFingerprint, stampBuild } from '../build-stamp.mjs';
import { removePostgresData } from '../local/postgres-home.js';
import { readRunning, type RunningFile } from '../local/state-dir.js';
import { isAlive } from '../process-identity.mjs';
import { projectRoot } from '../project.js';
import { guardedServices, inspectorPort, portClaims, services } from '../system/services.js';

const timeoutMs = 120_000;
const notCopied = ['node_modules', '.git', '.signet', '.preparing', 'coverage'];
const row = guardedServices[0]!;
const { name } = row;
const others = services.map((each) => each.name).filter((each) => each !== name);

// Runs in a copy of the repository, so that it changes no source that somebody else is reading.
describe('npm run dev', () => {
  let folder: string;
  let root: string;
  let stateDir: string;
  let portBase: number;
  let dev: ChildProcess;
  let exit: Promise<number | null>;
  let output = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'test-dev-'));
    root = join(folder, 'copy');
    stateDir = join(folder, 'state');
    cpSync(projectRoot, root, {
      recursive: true,
      filter: (path) => !notCopied.includes(relative(projectRoot, path)),
    });
    symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
    stampBuild(root, sourceFingerprint(root)); // the copies of the sources have new times
    portBase = await freePortBase(portClaims(0, services, true).map(({ port }) => port));
    dev = run('--port-base', String(portBase));
    const show = (data: Buffer) => (output += data.toString());
    dev.stdout?.on('data', show);
    dev.stderr?.on('data', show);
    exit = new Promise((ended) => dev.once('close', ended));
    await printed(/watching the sources/);
  }, timeoutMs);

  afterAll(async () => {
    dev.kill('SIGTERM');
    await exit;
    removePostgresData(stateDir);
    rmSync(folder, { recursive: true, force: true });
  }, timeoutMs);

  it(
    'shows the logs of the services, without colours outside of a terminal, and the address of each inspector',
    async () => {
      await printed(/^auth +\| \[[\d:.]+\] INFO: listening \{/m);
      expect(output).not.toContain('\u001b');
      const port = inspectorPort(portBase, row);
      expect(output).toMatch(new RegExp(`${name} +http://localhost:\\d+/docs +inspector: 127.0.0.1:${port}`));
      await new Promise<void>((connected, failed) => {
        const socket = connect(port, '127.0.0.1', () => socket.end(connected)).once('error', failed);
      });
    },
    timeoutMs,
  );

  it('a second one is refused on the same state folder', async () => {
    const second = run('--port-base', String(portBase + 100));
    let said = '';
    second.stderr?.on('data', (data: Buffer) => (said += data.toString()));
    expect(await new Promise((ended) => second.once('close', ended))).toBe(1);
    expect(said).toContain(`is already running (process ${dev.pid}`);
  });

  it(
    'restarts a service alone after a change of its files; the new process answers',
    async () => {
      const before = pids();
      expect(await version()).toBe('0.1.0');
      change(`apps/${name}/src/main.ts`, (text) => text.replace("'0.1.0'", "'0.1.1'"));
      await printed(new RegExp(`${name} is ready again, [\\d.]+ s after the file was saved`));
      expect(output).toContain(`${name} restarts: apps/${name}/src/main.ts\n`);
      expect(await version()).toBe('0.1.1');
      const after = pids();
      expect(after).toEqual({ ...before, [name]: after[name] });
      expect(after[name]).not.toBe(before[name]);
      await eventually(() => isBuilt(root), { timeoutMs: timeoutMs / 2 }); // so `npm test` beside it needs no other build
    },
    timeoutMs,
  );

  it(
    'shows a type error with its place, and the service serves on; without the error it is migrated and restarts',
    async () => {
      const before = pids();
      // The scopes of all services are declared for one module. Still, this source belongs to one service alone.
      const source = `apps/${name}/src/config.ts`;
      const built = readFileSync(join(root, `dist/apps/${name}/src/config.js`), 'utf8');
      change(source, (text) => `export const broken: number = 'no';\n${text}`);
      await printed(new RegExp(`${source}\\(1,14\\): error TS2322: Type 'string' is not assignable`));
      await printed(new RegExp(`${name} goes on as it is until this is mended: ${source}`));
      expect(output).not.toMatch(new RegExp(`(${others.join('|')}) goes on as it is`));
      expect(await version()).toBe('0.1.1');
      expect(pids()).toEqual(before);
      // A command beside it builds nothing, although the sources are not those of the build.
      const { status, stdout } = listKeys();
      expect([status, stdout]).toEqual([0, expect.stringMatching(/ES256 {2}active/)]);
      expect(stdout).not.toContain('Building');
      expect(readFileSync(join(root, `dist/apps/${name}/src/config.js`), 'utf8')).toBe(built);

      output = '';
      change(source, (text) => text.replace("'no'", '1'));
      await printed(new RegExp(`${name} is ready again`));
      expect(output).toMatch(
        new RegExp(`no more errors[^]*${name}: the database is migrated[^]*${name} is ready again`),
      );
      expect(pids()).toEqual({ ...before, [name]: pids()[name] });
      expect(pids()[name]).not.toBe(before[name]);
    },
    timeoutMs,
  );

  it(
    'goes on when a changed service does not start, and starts it after the next change',
    async () => {
      change(`apps/${name}/src/main.ts`, (text) => `throw new Error('out of order');\n${text}`);
      await printed(new RegExp(`${name} did not restart\\. ${name} ended unexpectedly[^]*out of order`));
      output = '';
      change(`apps/${name}/src/main.ts`, (text) => text.slice(text.indexOf('\n') + 1));
      await printed(new RegExp(`${name} is ready again`));
      expect(await version()).toBe('0.1.1');
    },
    timeoutMs,
  );

  it(
    'Ctrl-C leaves no process running',
    async () => {
      const { services: all } = running();
      dev.kill('SIGINT');
      expect(await exit).toBe(0);
      expect(Object.values(all).filter(({ pid }) => isAlive(pid))).toEqual([]);
      expect(readRunning(stateDir)).toBeUndefined();
    },
    timeoutMs,
  );

  /** Runs what bootstrap.mjs runs after it has installed and built. */
  function run(...args: string[]): ChildProcess {
    const file = join(root, 'dist/infra/dev/dev.js');
    return spawn(process.execPath, [file, '--state-dir', stateDir, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** `npm run keys -- list` */
  function listKeys() {
    const program = ['infra/bootstrap.mjs', 'run', 'dist/infra/local/run-key-command.js'];
    return spawnSync(process.execPath, [...program, 'list', '--state-dir', stateDir], {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
    });
  }

  async function printed(text: RegExp): Promise<void> {
    const found = () => dev.exitCode !== null || text.test(output);
    await eventually(found, { timeoutMs: timeoutMs - 10_000, everyMs: 50 }).catch(() => undefined);
    expect(output).toMatch(text); // a failure shows the whole output
  }

  function change(file: string, edit: (text: string) => string): void {
    const text = readFileSync(join(root, file), 'utf8');
    writeFileSync(join(root, file), edit(text));
  }

  function running(): RunningFile {
    const file = readRunning(stateDir);
    if (file === undefined) throw new Error(`It does not run:\n${output}`);
    return file;
  }

  function pids(): Record<string, number> {
    return Object.fromEntries(Object.entries(running().services).map(([name, { pid }]) => [name, pid]));
  }

  async function version(): Promise<string> {
    const answer = await fetch(`${running().services[name]?.url}/docs/json`);
    return ((await answer.json()) as { info: { version: string } }).info.version;
  }
});
