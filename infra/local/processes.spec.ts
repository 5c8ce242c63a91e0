import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '#testing';
import { projectRoot } from '../project.js';
import { isAlive } from '../process-identity.mjs';
import { type ChildSpec, describeExit, runToEnd, startChild } from './processes.js';

describe('child processes', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'test-processes-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function node(script: string, more: Partial<ChildSpec> = {}): ChildSpec {
    return {
      name: 'child',
      command: process.execPath,
      args: ['-e', script],
      env: {},
      logFile: join(dir, 'log'),
      ...more,
    };
  }
  const ready = (file = 'log') => eventually(() => readFileSync(join(dir, file), 'utf8').includes('ready'));

  it('the report of an unexpected end says how it ended and shows the last 15 lines', async () => {
    const child = startChild(
      node('for (let i = 1; i <= 40; i++) console.error("line " + i); process.exit(7)'),
    );
    const exit = await child.exited;
    expect(exit).toEqual({ code: 7, signal: null, expected: false });
    const report = describeExit(child, exit, '/logs/child.log').split('\n');
    expect(report[0]).toBe('child ended unexpectedly with code 7. Its last lines (/logs/child.log):');
    expect(report.slice(1)).toEqual(Array.from({ length: 15 }, (_, i) => `  | line ${i + 26}`));
  });

  it('the last lines are the lines of this run, although the log file also keeps older ones', async () => {
    await startChild(node('console.log("earlier")')).exited;
    const child = startChild(node('console.log("later")'));
    await child.exited;
    expect(child.lastLines()).toEqual(['later']);
    expect(readFileSync(join(dir, 'log'), 'utf8')).toContain('earlier');
  });

  it('inherits no variable of our environment', async () => {
    const child = startChild(node('console.log(JSON.stringify(process.env))', { env: { ONLY: 'this' } }));
    await child.exited;
    expect(child.lastLines()).toEqual(['{"ONLY":"this"}']);
  });

  it('stop asks the child to end', async () => {
    const child = startChild(
      node(`process.on('SIGTERM', () => { console.log('bye'); process.exit(0) });
            setInterval(() => 0, 1000); console.log('ready')`),
    );
    await ready();
    expect(await child.stop()).toEqual({ code: 0, signal: null, expected: true });
    expect(child.lastLines(1)).toEqual(['bye']);
    expect(await child.stop()).toEqual({ code: 0, signal: null, expected: true });
  });

  it('stop kills a child that does not end, with its own children', async () => {
    const stubborn = `process.on('SIGTERM', () => 0); setInterval(() => 0, 1000);`;
    const child = startChild(
      node(
        `${stubborn} const { pid } = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(stubborn)}]);
         console.log('ready ' + pid)`,
        { stopWithinMs: 200 },
      ),
    );
    await ready();
    const grandchild = Number(child.lastLines(1)[0]?.split(' ')[1]);
    expect(await child.stop()).toMatchObject({ signal: 'SIGKILL', expected: true });
    await eventually(() => !isAlive(grandchild));
  });

  it('runToEnd rejects, unless the program exits with 0', async () => {
    await runToEnd(node('0'));
    await expect(runToEnd(node('console.log("no table"); process.exit(1)'))).rejects.toMatchObject({
      code: 'child_failed',
      message: expect.stringContaining('| no table'),
    });
  });

  it('a program that does not exist is an error at once', () => {
    expect(() => startChild(node('', { command: '/no/such/program' }))).toThrow(
      '/no/such/program cannot be executed',
    );
  });

  it('leaves no process running when the launcher itself is killed', async () => {
    const built = (name: string) => pathToFileURL(join(projectRoot, `dist/infra/local/${name}.js`)).href;
    mkdirSync(join(dir, 'temporary/inside'), { recursive: true });
    const launcherFile = join(dir, 'launcher.mjs');
    writeFileSync(
      launcherFile,
      `import { startChild } from ${JSON.stringify(built('processes'))};
       import { tellReaper } from ${JSON.stringify(built('reaper-client'))};
       tellReaper(${JSON.stringify(`rm ${join(dir, 'temporary')}`)});
       const spec = (name, script) => ({ name, command: process.execPath, args: ['-e', script], env: {}, logFile: ${JSON.stringify(join(dir, 'children'))} });
       const polite = startChild(spec('polite', "process.on('SIGTERM', () => { console.log('drained'); process.exit() }); setInterval(() => 0, 1000); console.log('ready')"));
       const stubborn = startChild(spec('stubborn', "process.on('SIGTERM', () => 0); setInterval(() => 0, 1000); console.log('ready')"));
       console.log(polite.pid + ' ' + stubborn.pid);`,
    );
    const launcher = spawn(process.execPath, [launcherFile], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pids = await new Promise<number[]>((told) => {
      launcher.stdout.once('data', (data: Buffer) => told(data.toString().trim().split(' ').map(Number)));
    });
    await eventually(() => readFileSync(join(dir, 'children'), 'utf8').match(/ready/g)?.length === 2);
    expect(pids.map(isAlive)).toEqual([true, true]);
    launcher.kill('SIGKILL');
    await eventually(() => !pids.some(isAlive), { timeoutMs: 10_000 });
    expect(readFileSync(join(dir, 'children'), 'utf8')).toContain('drained');
    await eventually(() => !existsSync(join(dir, 'temporary')));
  });
});
