/** Runs the build of a service as a separate process. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, freePort } from '#testing';

const program = `
  import { Module } from '@nestjs/common';
  import { defineSettings, HealthModule, httpSettings, runService } from '#service-kit';
  class TinyModule {
    async onApplicationBootstrap() {
      if (!process.env.BOOT_MS) return;
      console.log('"booting"');
      await new Promise((done) => setTimeout(done, Number(process.env.BOOT_MS)));
    }
  }
  const tiny = { module: TinyModule, imports: [HealthModule.forRoot({ checks: [] })] };
  const settings = defineSettings(httpSettings);
  await runService(() => tiny, { service: 'tiny', version: '1.2.3', settings });
`;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(env: Record<string, string>) {
  const started = spawn(process.execPath, ['--input-type=module', '-e', program], { env });
  children.push(started);
  const output = { stdout: '', stderr: '' };
  started.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  started.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const lines = () =>
    output.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { started, output, lines, exit: once(started, 'close') };
}

describe('runService', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'listens, says so in one line, and exits with 0 on %s',
    async (signal) => {
      const port = await freePort();
      const { started, output, lines, exit } = start({ PORT: String(port) });
      await eventually(() => output.stdout.includes('listening'), { timeoutMs: 15_000 });
      expect(lines()).toMatchObject([{ service: 'tiny', version: '1.2.3', url: `http://127.0.0.1:${port}` }]);
      expect(await (await fetch(`http://127.0.0.1:${port}/health/live`)).json()).toEqual({ status: 'live' });
      started.kill(signal);
      expect(await exit).toEqual([0, null]);
      expect(output.stderr).toBe('');
    },
  );

  it('exits with 0 on a signal while it starts', async () => {
    const { started, output, exit } = start({ PORT: String(await freePort()), BOOT_MS: '500' });
    await eventually(() => output.stdout.includes('booting'), { timeoutMs: 15_000 });
    started.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
    expect(output.stdout).toContain('stopping');
    expect(output.stdout).not.toContain('could not');
  });

  it('refuses new connections on a signal, and answers on open ones for SHUTDOWN_DELAY_MS', async () => {
    const port = await freePort();
    const { started, output, exit } = start({ PORT: String(port), SHUTDOWN_DELAY_MS: '1500' });
    await eventually(() => output.stdout.includes('listening'), { timeoutMs: 15_000 });
    const idle = connect(port, '127.0.0.1');
    let answer = '';
    idle.on('data', (chunk) => (answer += String(chunk)));
    await once(idle, 'connect');
    started.kill('SIGTERM');
    await eventually(() =>
      fetch(`http://127.0.0.1:${port}/health/live`).then(
        () => false,
        () => true,
      ),
    );
    expect(answer).toBe('');
    idle.write('GET /health/ready HTTP/1.1\r\nhost: tiny\r\n\r\n');
    await once(idle, 'close');
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
    expect(await exit).toEqual([0, null]);
  });

  it('exits with 1 and one message that names every bad variable', async () => {
    const { output, exit } = start({ PORT: 'x', LOG_LEVEL: 'loud' });
    expect(await exit).toEqual([1, null]);
    expect(output.stderr).toMatch(/^The configuration is not valid:\n {2}PORT: .*\n {2}LOG_LEVEL: .*\n$/);
    expect(output.stdout).toBe('');
  });

  it('exits with 1 and a line in the log when its port is taken', async () => {
    const port = await freePort();
    const first = start({ PORT: String(port) });
    await eventually(() => first.output.stdout.includes('listening'), { timeoutMs: 15_000 });
    const second = start({ PORT: String(port) });
    expect(await second.exit).toEqual([1, null]);
    expect(second.output.stdout).toContain('EADDRINUSE');
    expect(second.lines().at(-1)).toMatchObject({ level: 'fatal', err: { code: 'EADDRINUSE' } });
  });
});
