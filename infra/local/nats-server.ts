/** Runs nats-server on a loopback port, with a generated configuration. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { natsConfig } from '../system/nats-config.js';
import type { ServiceRow } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import type { NatsProgram } from './nats-server-finder.js';
import { type Child, describeExit, saidBy, startChild } from './processes.js';

/** How to start the server. `dir` holds its configuration and its streams. */
export interface NatsOptions {
  program: NatsProgram;
  dir: string;
  port: number;
  rows: readonly ServiceRow[];
  publicKeys: Readonly<Record<string, string>>;
  logFile: string;
  /** Milliseconds within which the server must answer. Default 15,000. */
  bootTimeoutMs?: number;
}

/** Starts the server and waits until it answers. @throws SetupError `child_failed`, `not_ready`. */
export async function startNatsServer(options: NatsOptions): Promise<Child> {
  const { program, dir, port, rows, publicKeys, logFile, bootTimeoutMs = 15_000 } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const place =
    program.kind === 'binary'
      ? { listenHost: '127.0.0.1', storeDir: join(dir, 'jetstream') }
      : { listenHost: '0.0.0.0', storeDir: '/nats/jetstream' }; // the container has a network and a file system of its own
  const configFile = join(dir, 'nats.conf');
  writeFileSync(configFile, natsConfig({ rows, publicKeys, port, ...place }), { mode: 0o600 });

  const child = startChild({
    name: 'nats',
    ...commandLine(program, dir, configFile, port),
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? dir },
    logFile,
  });
  const deadline = Date.now() + bootTimeoutMs;
  while (!(await answers(port))) {
    if (!child.running) {
      const exit = await child.exited;
      throw new SetupError('child_failed', describeExit(child, exit, logFile));
    }
    if (Date.now() > deadline) {
      await child.kill();
      const problem = `nats-server does not answer on port ${port} after ${bootTimeoutMs / 1000} s.`;
      throw new SetupError('not_ready', `${problem} ${saidBy(child, logFile)}`);
    }
    await sleep(20);
  }
  return child;
}

function commandLine(program: NatsProgram, dir: string, configFile: string, port: number) {
  if (program.kind === 'binary') return { command: program.path, args: ['-c', configFile] };
  const user = process.getuid ? ['--user', `${process.getuid()}:${process.getgid?.()}`] : [];
  return {
    command: program.docker,
    args: [
      ...['run', '--rm', '--init', ...user, '--publish', `127.0.0.1:${port}:${port}`],
      ...['--volume', `${dir}:/nats`, program.image, '-c', '/nats/nats.conf'],
    ],
  };
}

/** True if a nats-server answers on this port. It begins every connection with a line INFO. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once('data', (data) => settle(data.toString('utf8').startsWith('INFO ')));
  });
}
