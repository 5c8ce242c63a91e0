import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '#testing';
import { startNatsServer } from './nats-server.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'test-nats-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('shows the last lines of a nats-server that does not answer', async () => {
  const path = join(dir, 'nats-server');
  writeFileSync(path, '#!/bin/sh\necho "the disk is slow today"\nexec sleep 60\n', { mode: 0o755 });
  const port = await freePort();
  const starting = startNatsServer({
    program: { kind: 'binary', path, version: '2.9.10' },
    dir: join(dir, 'nats'),
    port,
    rows: [],
    publicKeys: {},
    logFile: join(dir, 'nats.log'),
    bootTimeoutMs: 500,
  });
  await expect(starting).rejects.toMatchObject({
    code: 'not_ready',
    message: `nats-server does not answer on port ${port} after 0.5 s. Its last lines (${join(dir, 'nats.log')}):\n  | the disk is slow today`,
  });
});
