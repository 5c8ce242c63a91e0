import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { eventually, freePortBase } from '#testing';
import { readCredentials } from '../system/secrets.js';
import { guardedServices, portClaims } from '../system/services.js';
import { exchange } from '../tour/exchange.js';
import { projectRoot } from '../project.js';
import { postgresDataParent, removePostgresData } from './postgres-home.js';
import { isAlive } from '../process-identity.mjs';
import { readRunning, type RunningFile, statePaths } from './state-dir.js';

const startTimeoutMs = 120_000;
/** Variables that a shell may set for other programs. They must not reach our services. */
const foreignSettings = { PGSSLMODE: 'require', PGOPTIONS: '-c nonsense=1', NODE_PG_FORCE_NATIVE: '1' };

// Runs what the commands of package.json run, with the built services, and a state folder and ports of its own.
const service = guardedServices[0]!;

describe('npm start', () => {
  let folder: string;
  let stateDir: string;
  let portBase: number;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'test-start-'));
    stateDir = join(folder, 'state');
    portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  });
  afterAll(() => {
    removePostgresData(stateDir);
    rmSync(folder, { recursive: true, force: true });
  });

  it(
    'starts a system in which a user logs in and reads; Ctrl-C leaves no process running',
    async () => {
      const launcher = start();
      const running = await untilReady(launcher);
      const { demo } = readCredentials(stateDir);
      expect(launcher.output()).toContain(`${demo.email}  ${demo.password}`);
      const login = await fetch(`${running.issuer}/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(demo),
      });
      expect(login.status).toBe(200);
      const { access_token: token } = (await login.json()) as { access_token: string };
      const { route, body } = service.guardedRoute;
      const [method = '', path = ''] = route.split(' ');
      const url = `${running.services[service.name]?.url}${path}`;
      expect((await exchange(method, url, { body })).status).toBe(401);
      expect((await exchange(method, url, { token, body })).status).toBe(200);

      launcher.process.kill('SIGINT');
      expect(await launcher.exit).toBe(0);
      expect(alive(stateDir)).toEqual([]);
      expect(readRunning(stateDir)).toBeUndefined();
    },
    startTimeoutMs,
  );

  it(
    'continues with the same keys and passwords, and exits with 1 and the last lines of a service that ends',
    async () => {
      const before = readCredentials(stateDir);
      const launcher = start();
      const running = await untilReady(launcher);
      expect(readCredentials(stateDir)).toEqual(before);
      expect(launcher.output()).not.toContain('migrated');
      process.kill(running.services[service.name]!.pid, 'SIGKILL');
      expect(await launcher.exit).toBe(1);
      expect(launcher.output()).toMatch(
        new RegExp(`${service.name} ended unexpectedly by SIGKILL\\. Its last lines[^]*\\| \\{.*listening`),
      );
      expect(alive(stateDir)).toEqual([]);
    },
    startTimeoutMs,
  );

  it(
    'leaves no process running when it is killed, and npm run reset removes its data',
    async () => {
      const launcher = start();
      await untilReady(launcher);
      launcher.process.kill('SIGKILL');
      await launcher.exit;
      await eventually(() => alive(stateDir).length === 0, { timeoutMs: 20_000 });
      const reset = run('reset');
      expect(await reset.exit).toBe(0);
      expect(reset.output()).toMatch(/^Removed .*: keys, passwords and data\.$/m);
      expect([stateDir, postgresDataParent(stateDir)].filter((path) => existsSync(path))).toEqual([]);
    },
    startTimeoutMs,
  );

  interface Command {
    process: ChildProcessByStdio<null, Readable, Readable>;
    exit: Promise<number | null>;
    output: () => string;
  }

  function start(): Command {
    return run('start', '--port-base', String(portBase));
  }

  /** Runs what bootstrap.mjs runs after it has installed and built. */
  function run(program: 'start' | 'reset', ...args: string[]): Command {
    const file = join(projectRoot, `dist/infra/local/${program}.js`);
    const child = spawn(process.execPath, [file, '--state-dir', stateDir, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...foreignSettings },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (output += data.toString()));
    const exit = new Promise<number | null>((ended) => child.once('close', ended));
    return { process: child, exit, output: () => output };
  }

  async function untilReady(launcher: Command): Promise<RunningFile> {
    let ended = false;
    void launcher.exit.then(() => (ended = true));
    await eventually(() => ended || launcher.output().includes('Signet is ready'), {
      timeoutMs: startTimeoutMs,
    });
    const running = readRunning(stateDir);
    if (ended || running === undefined) throw new Error(`It did not start:\n${launcher.output()}`);
    return running;
  }
});

/** The processes of the last start that are still running. */
function alive(stateDir: string): number[] {
  const children = JSON.parse(readFileSync(statePaths.children(stateDir), 'utf8')) as { pid: number }[];
  return children.map(({ pid }) => pid).filter(isAlive);
}
