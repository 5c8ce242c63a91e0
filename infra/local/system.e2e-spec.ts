import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { eventually, freePortBase } from '#testing';
import { portClaims } from '../system/services.js';
import { specServices as services } from '../system/spec-services.js';
import { postgresDataParent, removePostgresData } from './postgres-home.js';
import { isAlive } from '../process-identity.mjs';
import { readRunning, statePaths } from './state-dir.js';
import { type RunningSystem, startSystem, type SystemOptions } from './system.js';

// Small programs stand for the services. This spec tests how they are started, stopped, killed and reported.
const main = `
const { createServer } = require('node:http');
if (process.env.FAIL_AT_BOOT) { console.log('the setting X is missing'); process.exit(1); }
const server = createServer((request, response) => {
  if (request.url === '/crash') { console.log('about to fall over'); process.exit(3); }
  response.statusCode = process.env.NEVER_READY ? 503 : 200;
  const checks = { database: { status: 'down' }, nats: { status: 'degraded' } };
  response.end(JSON.stringify(process.env.NEVER_READY ? { status: 'not_ready', checks } : process.env));
}).listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => { console.log('drained'); server.close(); process.exit(0); });
`;
const note = (program: string) => `
require('node:fs').appendFileSync(require('node:path').join(__dirname, '../../ran'),
  process.env.DATABASE_NAME + ' ${program} as ' + process.env.DATABASE_USER + '\\n');
`;

describe('a system of processes', () => {
  let folder: string;
  let options: SystemOptions;
  let system: RunningSystem | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'test-system-'));
    const appsDir = join(folder, 'apps');
    mkdirSync(appsDir);
    writeFileSync(join(appsDir, 'package.json'), '{ "type": "commonjs" }');
    for (const { name } of services) {
      const src = join(appsDir, name, 'src');
      mkdirSync(src, { recursive: true });
      writeFileSync(join(src, 'main.js'), main);
      for (const program of ['migrate', 'seed']) writeFileSync(join(src, `${program}.js`), note(program));
    }
    const portBase = await freePortBase(portClaims(0, services, true).map(({ port }) => port));
    options = { stateDir: join(folder, 'state'), portBase, appsDir, rows: services, durable: false };
  });
  afterEach(async () => {
    await system?.stop();
    system = undefined;
  });
  afterAll(() => {
    removePostgresData(options.stateDir);
    rmSync(folder, { recursive: true, force: true });
  });

  it('prepares each database once: first migrates as the owner, then seeds as the runtime role', async () => {
    system = await startSystem(options);
    const first = ran();
    const each = services.flatMap(({ name, seed }) => [
      `${name} migrate as ${name}_owner`,
      ...(seed === 'none' ? [] : [`${name} seed as ${name}`]),
    ]);
    expect([...first].sort()).toEqual(each.sort());
    expect(first).toEqual(expect.arrayContaining(['auth seed as auth', 'inventory seed as inventory']));
    expect(first).not.toContain('orders seed as orders');
    await system.stop();
    system = await startSystem(options);
    expect(ran()).toEqual(first);
    await system.stop();
    const seed = join(options.appsDir!, 'inventory/src/seed.js');
    writeFileSync(seed, `${readFileSync(seed, 'utf8')}\n// changed`);
    system = await startSystem(options);
    expect(ran().slice(first.length)).toEqual([
      'inventory migrate as inventory_owner',
      'inventory seed as inventory',
    ]);
  });

  it('gives each service its own secrets and settings, and no variable of our environment', async () => {
    process.env['LEAK'] = 'from the shell';
    system = await startSystem({ ...options, settings: { orders: { EXTRA: 'wanted' } } });
    delete process.env['LEAK'];
    const environment = (await (await fetch(system.urls['orders']!)).json()) as Record<string, string>;
    expect(environment).not.toHaveProperty('LEAK');
    expect(environment).toMatchObject({
      EXTRA: 'wanted',
      INVENTORY_URL: system.urls['inventory'],
      ISSUER: `http://localhost:${options.portBase}`,
    });
    const secretsOfOthers = Object.values(environment).filter((value) => /secrets\/(?!orders\/)/.test(value));
    expect(secretsOfOthers).toEqual([]);
  });

  it('running.json exists while the system runs, and not afterwards', async () => {
    system = await startSystem(options);
    const { running } = system;
    expect(readRunning(options.stateDir)).toEqual(running);
    expect(running.services['auth']?.url).toBe(`http://localhost:${options.portBase}`);
    expect(existsSync(running.credentialsFile)).toBe(true);
    await system.stop();
    expect(readRunning(options.stateDir)).toBeUndefined();
    for (const pid of [...Object.values(running.services)].map((service) => service.pid))
      expect(isAlive(pid)).toBe(false);
    expect(readFileSync(join(running.logsDir, 'orders.log'), 'utf8')).toContain('drained');
  });

  it('starts once, if several processes start it at the same time', async () => {
    const attempts = await Promise.allSettled([startSystem(options), startSystem(options)]);
    const started = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    system = started[0];
    expect(started).toHaveLength(1);
    expect(attempts.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'already_running' },
    });
    const { services: all } = system!.running;
    expect(Object.values(all).map(({ pid }) => isAlive(pid))).toEqual(Object.values(all).map(() => true));
  });

  it('refuses a second start on the same state folder', async () => {
    system = await startSystem(options);
    await expect(startSystem(options)).rejects.toMatchObject({
      code: 'already_running',
      message: expect.stringContaining(`process ${process.pid}`),
    });
  });

  it('reports a service that ends by itself, with its last lines', async () => {
    system = await startSystem(options);
    await fetch(`${system.urls['orders']}/crash`).catch(() => undefined);
    const report = await system.crashed;
    expect(report).toMatch(/^orders ended unexpectedly with code 3/);
    expect(report).toContain('  | about to fall over');
  });

  it('leaves a service out: its database is prepared, and a printed command runs it by hand', async () => {
    const stateDir = mkdtempSync(join(folder, 'by-hand-'));
    const lines: string[] = [];
    system = await startSystem({
      ...options,
      stateDir,
      without: ['orders'],
      settings: { orders: { EXTRA: `it's "wanted"` } },
      log: (line) => lines.push(line),
    });
    expect(readRunning(stateDir)?.services).toMatchObject({
      orders: { url: `http://localhost:${options.portBase + 1}`, pid: 0 },
      inventory: { pid: expect.any(Number) },
    });
    expect(lines.some((line) => line.startsWith('orders: the database is migrated'))).toBe(true);
    await expect(fetch(system.urls['orders']!)).rejects.toThrow();
    const file = join(stateDir, 'orders.env');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(parseEnv(readFileSync(file, 'utf8'))).not.toHaveProperty('PATH');

    const command = lines.find((line) => line.startsWith('to run orders by hand: node '));
    const args = command!.slice('to run orders by hand: node '.length).split(' ');
    const port = options.portBase + 21;
    expect(args).toContain(`--inspect=127.0.0.1:${port}`);
    const byHand = spawn(process.execPath, args, { stdio: 'ignore', env: {} });
    await eventually(
      async () => {
        const environment = (await (await fetch(system!.urls['orders']!)).json()) as Record<string, string>;
        expect(environment).toMatchObject({ DATABASE_USER: 'orders', EXTRA: `it's "wanted"` });
        expect((await fetch(`http://127.0.0.1:${port}/json/version`)).status).toBe(200);
      },
      { timeoutMs: 20_000 },
    );
    await system.stop();
    expect(byHand.exitCode).toBeNull(); // it belongs to somebody else
    byHand.kill('SIGKILL');
    await new Promise((ended) => byHand.once('exit', ended));
    removePostgresData(stateDir);
  });

  it('goes on without a service that ends by itself, if somebody wants its report', async () => {
    const reports: string[] = [];
    system = await startSystem({ ...options, onServiceEnd: (report) => reports.push(report) });
    let crashed = false;
    void system.crashed.then(() => (crashed = true));
    await fetch(`${system.urls['orders']}/crash`).catch(() => undefined);
    await eventually(() => reports.length === 1);
    expect(reports[0]).toMatch(/^orders ended unexpectedly with code 3[^]*about to fall over/);
    expect(crashed).toBe(false);
    await system.restart('orders');
    expect((await fetch(system.urls['orders']!)).status).toBe(200);
    await system.restart('orders');
    expect(reports).toHaveLength(1);
  });

  it('kills, restarts and stops single parts, and does not report that as a crash', async () => {
    system = await startSystem(options);
    let crashed = false;
    void system.crashed.then(() => (crashed = true));
    await system.kill('orders');
    await expect(fetch(system.urls['orders']!)).rejects.toThrow();
    await system.launch('orders');
    expect((await fetch(system.urls['orders']!)).status).toBe(200);
    for (const server of ['nats', 'postgres']) {
      await system.kill(server);
      await system.launch(server);
      await system.restart(server);
    }
    expect(readRunning(options.stateDir)).toEqual(system.running);
    expect(crashed).toBe(false);
    await expect(system.halt('nobody')).rejects.toThrow('The system has no part named nobody.');
  });

  it('kills the processes of a launcher that was killed together with its reaper', async () => {
    system = await startSystem(options);
    const { running } = system;
    // The launcher seems to have ended: its claim does not count, and its children still run.
    rmSync(statePaths.launchers(options.stateDir), { recursive: true });
    system = await startSystem(options);
    expect(Object.values(running.services).filter(({ pid }) => isAlive(pid))).toEqual([]);
    expect(system.running.services).not.toEqual(running.services);
  });

  it.each([
    ['does not boot', { FAIL_AT_BOOT: '1' }, 'child_failed', 'the setting X is missing'],
    ['does not become ready', { NEVER_READY: '1' }, 'not_ready', '(answers 503: database). Its last lines'],
  ])('ends everything when a service %s', async (_, settings, code, detail) => {
    const failing = startSystem({ ...options, readyTimeoutMs: 1_000, settings: { inventory: settings } });
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringContaining(detail) });
    system = await startSystem(options); // every port is free again, and the folder is not claimed
  });

  it('stops everything if the start is aborted', async () => {
    const abort = new AbortController();
    const log = (line: string) => {
      if (line.startsWith('NATS')) abort.abort();
    };
    await expect(startSystem({ ...options, log, signal: abort.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    system = await startSystem(options);
  });

  it('refuses to start anything if a port is taken, and names the port', async () => {
    const server: Server = createServer().listen(options.portBase + 1, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    await expect(startSystem(options)).rejects.toMatchObject({
      code: 'port_in_use',
      message: expect.stringMatching(/^Port \d+ \(orders\) is in use .*--port-base/),
    });
    await new Promise((closed) => server.close(closed));
  });

  it.each([
    ['an empty key file', (dir: string) => writeFileSync(join(dir, 'secrets/auth/nats.nk'), '')],
    ['a lost superuser password', (dir: string) => rmSync(join(dir, 'secrets/postgres/superuser-password'))],
    [
      'a lost file of PostgreSQL',
      (dir: string) => rmSync(join(postgresDataParent(dir), 'data/global/pg_control')),
    ],
  ])('advises npm run reset if the state is damaged: %s', async (_, damage) => {
    const stateDir = mkdtempSync(join(folder, 'damaged-'));
    await (await startSystem({ ...options, stateDir })).stop();
    damage(stateDir);
    await expect(startSystem({ ...options, stateDir })).rejects.toMatchObject({
      code: 'state_damaged',
      message: expect.stringContaining('npm run reset'),
    });
    removePostgresData(stateDir);
  });

  function ran(): string[] {
    return readFileSync(join(options.appsDir!, 'ran'), 'utf8').trim().split('\n');
  }
});
