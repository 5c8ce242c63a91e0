import { expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '#testing';
import { isPortFree } from './local/ports.js';
import { isAlive } from './process-identity.mjs';

// Busy threads end later than the first thread. The state of a process is the state of its first thread.
const server = (port: number) => `
  for (let n = 0; n < 4; n++) require('node:crypto').pbkdf2('a', 'b', 1e7, 32, 'sha256', () => 0);
  require('node:net').createServer().listen(${port}, '127.0.0.1', () => console.log('listening'));`;

it('a killed process counts as alive until its port is free', async () => {
  for (let round = 1; round <= 8; round += 1) {
    const port = await freePort();
    const child = spawn(process.execPath, ['-e', server(port)], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    expect(isAlive(child.pid!)).toBe(true);
    child.kill('SIGKILL');
    while (isAlive(child.pid!)); // without a pause, because in a pause Node would see that the process has ended
    expect(await isPortFree(port)).toBe(true);
  }
});
